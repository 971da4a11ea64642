package store

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
)

func opened(t *testing.T, location string, o Options) (b *Bucket, key string) {
	t.Helper()
	b, key, err := OpenBucket(t.Context(), location, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, key
}

// Somebody else's bucket is shown as it is: every key, whatever it is called, and the
// object that is of that very key.
func TestEveryKeyOfABucket(t *testing.T) {
	p, _ := ourServer(t)
	client := s3Client(t, p.options)
	keys := []string{
		"/rooted.db", "etcd", "etcd-2026.db", "etcd/", "etcd//snap.db", "etcd/./snap.db", "etcd/../snap.db", "etcd/.hidden/snap.db", "etcd/a b+%41&ü.db",
		"etcd/nightly/", "etcd/snap.db", "etcd/snap.db.sha256", "etcd/" + strings.Repeat("w", 300) + ".db", "etcd/a\tb.db",
	}
	for i, key := range keys {
		if _, err := client.PutObject(t.Context(), bucketName, key, bytes.NewReader(bytesOf(100+i)), int64(100+i), minio.PutObjectOptions{}); err != nil {
			t.Fatalf("%q: %v", key, err)
		}
	}
	b, _ := opened(t, "s3://"+bucketName, p.options)
	for prefix, want := range map[string][]string{"": keys, "etcd/": slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !strings.HasPrefix(k, "etcd/") }), "etcd-": {"etcd-2026.db"}, "etcd/w": {keys[12]}, "none": nil} {
		all, err := b.Below(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range all {
			got = append(got, o.Name)
			if at := slices.Index(keys, o.Name); o.Bytes != int64(100+at) || o.Modified.IsZero() || o.SHA256 != "" || o.Checked {
				t.Errorf("listed as %+v", o)
			}
		}
		if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
			t.Errorf("below %q there are %q, want %q", prefix, got, want)
		}
	}
	for i, key := range keys {
		var w bytes.Buffer
		o, err := b.Get(t.Context(), key, &w)
		if err != nil || !bytes.Equal(w.Bytes(), bytesOf(100+i)) || o.Name != key || o.Checked || o.SHA256 != sumOf(bytesOf(100+i)) {
			t.Errorf("%q came as %+v, %v", key, o, err)
		}
	}
	_, err := b.Get(t.Context(), "etcd/a\nb.db", io.Discard)
	refused(t, err, ErrNotFound, `get s3://backups/"etcd/a\nb.db": `)
}

// That there is no checksum of ours is taken; that there is nothing, or another
// checksum, is not.
func TestWhatABucketHoldsIsWhole(t *testing.T) {
	for name, at := range map[string]func(*testing.T) place{"s3server": onOurServer, "versitygw": onGateway} {
		t.Run(name, func(t *testing.T) {
			p := at(t)
			b, below := opened(t, p.location, p.options)
			if below != prefixName {
				t.Errorf("it names %q", below)
			}
			content := bytesOf(1000)
			put(t, p.open(t), "ours.db", content)
			p.foreign(t, "foreign.db", content)
			p.foreign(t, "empty.db", nil)
			for object, checked := range map[string]bool{"ours.db": true, "foreign.db": false} {
				var w bytes.Buffer
				if o, err := b.Get(t.Context(), below+"/"+object, &w); err != nil || !bytes.Equal(w.Bytes(), content) || o.Checked != checked || o.SHA256 != sumOf(content) {
					t.Errorf("%s came as %+v, %v", object, o, err)
				}
			}
			_, err := b.Get(t.Context(), below+"/empty.db", io.Discard)
			refused(t, err, ErrDamaged, "it is empty")
			if err := (s3server.BitFlipped{}).Do(p.file(t, "ours.db")); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Get(t.Context(), below+"/ours.db", io.Discard); !errors.Is(err, ErrDamaged) {
				t.Errorf("%v", err)
			}
			all, err := b.Below(t.Context(), below+"/")
			if err != nil || len(all) != 3 {
				t.Errorf("%+v, %v", all, err)
			}
		})
	}
}

// What is no location is refused, and not repeated; what cannot be asked is told.
func TestBucketsThatCannotBeOpened(t *testing.T) {
	p, server := ourServer(t)
	for _, location := range []string{"", "s3://", "s3:///key", "/dir", "s3://user:hunter2@backups/etcd", "s3://backups/etcd?hunter2", "s3://backups/hunter2\x1b[2J"} {
		if _, _, err := OpenBucket(t.Context(), location, p.options); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "\nhint: ") {
			t.Errorf("%q: %v", location, err)
		}
	}
	for location, want := range map[string]string{"s3://backups": "", "s3://backups/": "", "s3://backups/etcd/": "etcd/", "s3://backups//etcd": "/etcd", "s3://backups/2026-01-02T03:04:05.db": "2026-01-02T03:04:05.db"} {
		if _, key := opened(t, location, p.options); key != want {
			t.Errorf("%s names %q, want %q", location, key, want)
		}
	}
	gone, _ := opened(t, "s3://no-such-bucket/etcd", p.options)
	_, err := gone.Below(t.Context(), "etcd/")
	refused(t, err, ErrNotFound, "list s3://no-such-bucket/etcd/: ")
	b, _ := opened(t, "s3://backups/etcd", p.options)
	server.Inject(s3server.Requests{}, 0, s3server.Busy{})
	_, err = b.Below(t.Context(), "etcd/")
	refused(t, err, ErrUnavailable, "list s3://backups/etcd/: ")
	_, err = b.Get(t.Context(), "etcd/a.db", io.Discard)
	refused(t, err, ErrUnavailable, "get s3://backups/etcd/a.db: ")
}
