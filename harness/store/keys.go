package store

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bucket is somebody else's bucket of an S3 server, to read alone. It shows every
// object by its key, whoever put it there and whatever it is called: a Store shows
// what may be its own, and who looks for the newest of all must see all.
type Bucket struct{ bucket bucket }

// OpenBucket opens the bucket of a location, s3://BUCKET[/KEY], and tells the key, or
// the beginning of keys, that it names. Nothing is asked of the server yet.
func OpenBucket(ctx context.Context, location string, o Options) (b *Bucket, key string, err error) {
	where, ok := strings.CutPrefix(location, "s3://")
	name, key, _ := strings.Cut(where, "/")
	if !ok || name == "" || strings.Contains(name, ":") || strings.ContainsAny(where, "@?#") || !printable(where) {
		return nil, "", errors.New(noLocation)
	}
	b = &Bucket{bucket{name: name}}
	if err := b.bucket.connect(ctx, o); err != nil {
		return nil, "", err
	}
	return b, key, nil
}

// Below tells which objects have keys that begin with a prefix, by key, and without
// their SHA-256. Their names are their keys, which may be any.
func (b *Bucket) Below(ctx context.Context, prefix string) ([]Object, error) {
	return b.bucket.below(ctx, attempt{"list", b.At(prefix)}, prefix)
}

// Get is a Store's, of the object of this very key. One that came without a SHA-256
// of ours is taken; Object.Checked tells.
func (b *Bucket) Get(ctx context.Context, key string, w io.Writer) (Object, error) {
	return b.bucket.get(ctx, attempt{"get", b.At(key)}, key, true, w)
}

// At is an object's location, as it can be printed.
func (b *Bucket) At(key string) string {
	if !printable(key) {
		key = strconv.Quote(key)
	}
	return b.bucket.String() + "/" + key
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// Close gives back what the bucket holds. Nothing may be under way.
func (b *Bucket) Close() error { return b.bucket.Close() }
