package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// bucket keeps objects under a prefix in a bucket of an S3 server.
type bucket struct {
	client    minio.Core
	transport *http.Transport
	known     *known
	name      string
	prefix    string // empty, or ends in a slash
	onePut    int64  // objects up to this many bytes are sent in one request
	part      int64  // bytes of each part of larger ones
}

const (
	// An upload in one request carries a checksum of the whole, which the server
	// verifies before there is an object; in parts, each has its own.
	onePut   = 1 << 30
	partSize = 64 << 20 // held in memory
	attempts = 3        // for each request that is not answered, or with 503
	// What Get verifies: the server gives them back with the object.
	metaSum   = "Firedrill-Sha256"
	metaBytes = "Firedrill-Bytes"
)

func openBucket(ctx context.Context, where string, o Options) (Store, error) {
	name, prefix, _ := strings.Cut(where, "/")
	prefix = strings.Trim(prefix, "/")
	if name == "" || strings.ContainsAny(where, "@?#") || strings.Contains(name, ":") || prefix != "" && checkName(prefix) != nil {
		return nil, errors.New(noLocation)
	}
	b := &bucket{name: name, onePut: onePut, part: partSize}
	if prefix != "" {
		b.prefix = prefix + "/"
	}
	if err := b.connect(ctx, o); err != nil {
		return nil, err
	}
	open := attempt{"open store", b.String()}
	for found := range b.client.ListObjectsIter(ctx, name, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true, MaxKeys: 1}) {
		if found.Err != nil {
			return nil, errors.Join(b.failed(ctx, open, found.Err), b.Close())
		}
		break
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(b.failed(ctx, open, err), b.Close())
	}
	return b, nil
}

// noLocation is of an S3 location that is none. It is not repeated: what stands before
// an @ may be a password.
const noLocation = "open store: an S3 location is s3://BUCKET or s3://BUCKET/PREFIX\nhint: credentials are taken from the environment or the AWS files, the server's address from the S3 endpoint"

// connect finds the server and the credentials for it. Nothing is asked of it yet.
func (b *bucket) connect(ctx context.Context, o Options) error {
	open := attempt{"open store", b.String()}
	host, secure, err := endpoint(o.Endpoint)
	if err != nil {
		return open.failed(err)
	}
	if b.transport, err = minio.DefaultTransport(secure); err != nil {
		return open.failed(err)
	}
	if b.known, err = o.Credentials.find(ctx, &http.Client{Transport: b.transport}); err != nil {
		return open.failed(err)
	}
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = os.Getenv("AWS_DEFAULT_REGION")
	}
	client, err := minio.New(host, &minio.Options{
		Creds: credentials.New(b.known), Secure: secure, Transport: b.transport, Region: region, MaxRetries: attempts,
	})
	if err != nil {
		return b.failed(ctx, open, err)
	}
	b.client = minio.Core{Client: client}
	return nil
}

// endpoint splits the URL of a server.
func endpoint(given string) (host string, secure bool, err error) {
	if given == "" {
		return "s3.amazonaws.com", true, nil
	}
	if !strings.Contains(given, "://") {
		given = "https://" + given
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false, errors.New("the S3 endpoint is no URL of a host alone\nhint: give http://HOST:PORT or https://HOST:PORT, without credentials or path")
	}
	return u.Host, u.Scheme == "https", nil
}

func (b *bucket) String() string {
	return strings.TrimSuffix("s3://"+b.name+"/"+b.prefix, "/")
}

func (b *bucket) Close() error {
	b.transport.CloseIdleConnections()
	return nil
}

func (b *bucket) on(doing, name string) attempt {
	return attempt{doing, b.String() + "/" + name}
}

func (b *bucket) Put(ctx context.Context, name string, size int64, content io.ReaderAt) (Object, error) {
	a := b.on("put", name)
	if err := checkName(name); err != nil {
		return Object{}, attempt{"put to", b.String()}.failed(err)
	}
	sum, err := a.sumOf(ctx, size, content)
	if err != nil {
		return Object{}, err
	}
	if size > b.onePut {
		err = b.putParts(ctx, name, size, content, sum)
	} else {
		err = b.putWhole(ctx, a, name, size, content, sum)
	}
	if err != nil {
		return Object{}, b.failed(ctx, a, err)
	}
	return Object{Name: name, Bytes: size, SHA256: sum, Modified: time.Now(), Checked: true}, nil
}

func metadata(size int64, sum string) map[string]string {
	return map[string]string{metaSum: sum, metaBytes: strconv.FormatInt(size, 10)}
}

// putWhole sends everything in one request, and again if that is not answered:
// from a reader of its own, as the transport may still read the one before.
func (b *bucket) putWhole(ctx context.Context, a attempt, name string, size int64, content io.ReaderAt, sum string) error {
	digest, err := hex.DecodeString(sum)
	if err != nil {
		return err
	}
	options := minio.PutObjectOptions{DisableMultipart: true, UserMetadata: metadata(size, sum)}
	options.UserMetadata["X-Amz-Checksum-Sha256"] = base64.StdEncoding.EncodeToString(digest)
	for n := 1; ; n++ {
		_, err = b.client.Client.PutObject(ctx, b.name, b.prefix+name, as(size, sum, content), size, options)
		if err == nil || n == attempts || !errors.Is(b.failed(ctx, a, err), ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(n) * 200 * time.Millisecond):
		}
	}
}

// putParts sends parts, which are an object only once all are there.
func (b *bucket) putParts(ctx context.Context, name string, size int64, content io.ReaderAt, sum string) error {
	_, err := b.client.Client.PutObject(ctx, b.name, b.prefix+name, as(size, sum, content), size, minio.PutObjectOptions{
		PartSize: uint64(b.part), SendContentMd5: true, UserMetadata: metadata(size, sum),
	})
	return err
}

// summed reads content that was read before. In place of its last bytes comes
// an error if it is not what it was then.
type summed struct {
	from *io.SectionReader
	left int64
	sum  interface {
		io.Writer
		Sum([]byte) []byte
	}
	want string
}

// as hides that content can be read at any offset: minio-go would then start
// several readers.
func as(size int64, sum string, content io.ReaderAt) io.Reader {
	return &summed{io.NewSectionReader(content, 0, size), size, sha256.New(), sum}
}

// ownError is of what is put, and not of the server.
type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

var errChanged = errors.New("it changed while it was sent")

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, ownError{err}
	}
	_, _ = s.sum.Write(p[:n]) // a hash takes everything
	s.left -= int64(n)
	if s.left == 0 && hex.EncodeToString(s.sum.Sum(nil)) != s.want || errors.Is(err, io.EOF) && s.left > 0 {
		return 0, errChanged
	}
	return n, err
}

func (b *bucket) Get(ctx context.Context, name string, w io.Writer) (Object, error) {
	if err := checkName(name); err != nil {
		return Object{}, attempt{"get from", b.String()}.failed(err)
	}
	o, err := b.get(ctx, b.on("get", name), b.prefix+name, false, w)
	if err != nil {
		return Object{}, err
	}
	o.Name = name
	return o, nil
}

// get writes the object of a key to w. take: one without a SHA-256 of ours too.
func (b *bucket) get(ctx context.Context, a attempt, key string, take bool, w io.Writer) (Object, error) {
	body, info, _, err := b.client.GetObject(ctx, b.name, key, minio.GetObjectOptions{})
	if err != nil {
		return Object{}, b.failed(ctx, a, err)
	}
	defer body.Close()
	recorded, bytes := info.UserMetadata[metaSum], int64(-1)
	switch {
	case recorded == "" && !take:
		return Object{}, a.unchecked()
	case recorded != "" && !isSum(recorded):
		return Object{}, a.damaged("what was stored with it as its SHA-256 is none%s", hintDamaged)
	}
	if n, err := strconv.ParseInt(info.UserMetadata[metaBytes], 10, 64); err == nil && recorded != "" {
		bytes = n
	}
	sum := sha256.New()
	n, err := pump(ctx, io.MultiWriter(w, sum), body)
	if from := (readError{}); errors.As(err, &from) || ctx.Err() != nil && err != nil {
		return Object{}, b.failed(ctx, a, fmt.Errorf("the connection ended after %d of %d bytes: %w", n, info.Size, err))
	}
	if err != nil {
		return Object{}, a.failed(err)
	}
	o := Object{Name: key, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), Modified: info.LastModified, Checked: recorded != ""}
	if err := a.whole(o, bytes, recorded); err != nil {
		return Object{}, err
	}
	return o, nil
}

func (b *bucket) Look(ctx context.Context, name string) (Object, error) {
	a := b.on("look at", name)
	if err := checkName(name); err != nil {
		return Object{}, attempt{"look into", b.String()}.failed(err)
	}
	info, err := b.client.StatObject(ctx, b.name, b.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return Object{}, b.failed(ctx, a, err)
	}
	sum := info.UserMetadata[metaSum]
	return Object{Name: name, Bytes: info.Size, SHA256: sum, Modified: info.LastModified, Checked: sum != ""}, nil
}

func (b *bucket) List(ctx context.Context) ([]Object, error) {
	all, err := b.below(ctx, attempt{"list", b.String()}, b.prefix)
	if err != nil {
		return nil, err
	}
	var own []Object
	for _, o := range all {
		o.Name = strings.TrimPrefix(o.Name, b.prefix)
		if checkName(o.Name) == nil {
			own = append(own, o)
		}
	}
	return own, nil
}

// below lists the objects whose keys begin with a prefix, by key.
func (b *bucket) below(ctx context.Context, a attempt, prefix string) ([]Object, error) {
	var all []Object
	for found := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if found.Err != nil {
			return nil, b.failed(ctx, a, found.Err)
		}
		all = append(all, Object{Name: found.Key, Bytes: found.Size, Modified: found.LastModified})
	}
	if err := ctx.Err(); err != nil {
		return nil, b.failed(ctx, a, err)
	}
	slices.SortFunc(all, byName)
	return all, nil
}

// Remove asks first whose the object is: S3 deletes what is not there, and what
// somebody else put, without a word.
func (b *bucket) Remove(ctx context.Context, name string) error {
	a := b.on("remove", name)
	if err := checkName(name); err != nil {
		return attempt{"remove from", b.String()}.failed(err)
	}
	info, err := b.client.StatObject(ctx, b.name, b.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return b.failed(ctx, a, err)
	}
	if info.UserMetadata[metaSum] == "" {
		return a.foreign()
	}
	if err := b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}); err != nil {
		return b.failed(ctx, a, err)
	}
	return nil
}
