package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/s3gateway"
	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
)

func TestMain(m *testing.M) {
	s3gateway.Main()
	// No test may see the credentials of whoever runs it.
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN",
		"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
	} {
		_ = os.Unsetenv(name)
	}
	for _, name := range []string{"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"} {
		_ = os.Setenv(name, os.DevNull)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if theGateway != nil {
			if err := theGateway.Close(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = max(code, 1)
			}
		}
		os.Exit(code)
	}))
}

// place is where a store is, for the tests that every kind of store passes.
type place struct {
	name     string
	location string
	options  Options
	// file is where the bytes of an object lie.
	file func(t *testing.T, name string) string
	// foreign puts an object as somebody else would, without our checksum.
	foreign func(t *testing.T, name string, content []byte)
}

func (p place) open(t *testing.T) Store {
	t.Helper()
	s, err := Open(t.Context(), p.location, p.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// everywhere runs a test against every kind of store.
func everywhere(t *testing.T, test func(t *testing.T, p place)) {
	for name, make := range map[string]func(*testing.T) place{"directory": inDirectory, "s3server": onOurServer, "versitygw": onGateway} {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

func inDirectory(t *testing.T) place {
	dir := filepath.Join(t.TempDir(), "kept")
	return place{
		name: "directory", location: dir,
		file: func(_ *testing.T, name string) string { return filepath.Join(dir, name) },
		foreign: func(t *testing.T, name string, content []byte) {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
}

const bucketName, prefixName = "backups", "team/etcd"

func onOurServer(t *testing.T) place {
	p, _ := ourServer(t)
	return p
}

func ourServer(t *testing.T) (place, *s3server.Server) {
	t.Helper()
	server, err := s3server.New(t.TempDir(), bucketName)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	p := place{
		name: "s3server", location: "s3://" + bucketName + "/" + prefixName,
		options: Options{Endpoint: "http://" + listener.Addr().String(), Credentials: Credentials(server.Credentials())},
		file: func(t *testing.T, name string) string {
			t.Helper()
			path, err := server.File(bucketName, prefixName+"/"+name)
			if err != nil {
				t.Fatal(err)
			}
			return path
		},
	}
	p.foreign = func(t *testing.T, name string, content []byte) { putForeign(t, p, bucketName, name, content) }
	return p, server
}

func s3Client(t *testing.T, o Options) *minio.Client {
	t.Helper()
	transport, err := minio.DefaultTransport(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	host, _, err := endpoint(o.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(host, &minio.Options{Creds: credentials.NewStaticV4(o.Credentials.AccessKey, o.Credentials.SecretKey, ""), Transport: transport, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func putForeign(t *testing.T, p place, bucket, name string, content []byte) {
	t.Helper()
	_, err := s3Client(t, p.options).PutObject(t.Context(), bucket, prefixName+"/"+name, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	theGateway  *s3gateway.Gateway
	gatewayErr  error
	gatewayOnce sync.Once
)

// onGateway is a bucket of its own on the one versitygw of all tests.
func onGateway(t *testing.T) place {
	if testing.Short() {
		t.Skip("versitygw is built from source, which takes minutes the first time")
	}
	gatewayOnce.Do(func() {
		// A build that outlived the tests would be nobody's.
		ctx := context.Background()
		if end, ok := t.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end.Add(-15*time.Second))
			defer cancel()
		}
		theGateway, gatewayErr = s3gateway.Start(ctx, "../../fixtures/versitygw")
	})
	g := theGateway
	if gatewayErr != nil {
		t.Fatal(gatewayErr)
	}
	bucket := "b" + fmt.Sprintf("%x", rand.Text())[:20]
	p := place{
		name: "versitygw", location: "s3://" + bucket + "/" + prefixName,
		options: Options{Endpoint: g.Endpoint, Credentials: Credentials{g.AccessKey, g.SecretKey}},
		file:    func(_ *testing.T, name string) string { return filepath.Join(g.Dir, bucket, prefixName, name) },
	}
	p.foreign = func(t *testing.T, name string, content []byte) { putForeign(t, p, bucket, name, content) }
	if err := s3Client(t, p.options).MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return p
}
