package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
)

func TestMain(m *testing.M) {
	if os.Getenv(keeperMark) != "" {
		keep(os.Args[1:])
	}
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
		if stopGateway != nil {
			stopGateway()
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

// gateway is a running versitygw.
type gateway struct {
	endpoint, dir string
	credentials   Credentials
}

var (
	theGateway  gateway
	gatewayErr  error
	gatewayOnce sync.Once
	stopGateway func()
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
		theGateway, gatewayErr = startGateway(ctx)
	})
	g := theGateway
	if gatewayErr != nil {
		t.Fatal(gatewayErr)
	}
	bucket := "b" + fmt.Sprintf("%x", rand.Text())[:20]
	p := place{
		name: "versitygw", location: "s3://" + bucket + "/" + prefixName,
		options: Options{Endpoint: g.endpoint, Credentials: g.credentials},
		file:    func(_ *testing.T, name string) string { return filepath.Join(g.dir, bucket, prefixName, name) },
	}
	p.foreign = func(t *testing.T, name string, content []byte) { putForeign(t, p, bucket, name, content) }
	if err := s3Client(t, p.options).MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// startGateway builds versitygw and starts it at an address that belongs to
// this process alone, as it is made of its ID.
func startGateway(ctx context.Context) (g gateway, err error) {
	dir, err := os.MkdirTemp("", "firedrill-versitygw-")
	if err != nil {
		return g, err
	}
	stopGateway = func() { _ = os.RemoveAll(dir) }
	program := filepath.Join(dir, "versitygw")
	build := exec.CommandContext(ctx, "go", "build", "-C", "../../fixtures/versitygw", "-trimpath", "-o", program, "github.com/versity/versitygw/cmd/versitygw")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.WaitDelay = time.Second // compilers that it started hold its output
	began := time.Now()
	if out, err := build.CombinedOutput(); err != nil {
		return g, fmt.Errorf("build versitygw in %v: %w\n%s", time.Since(began).Round(time.Second), err, out)
	}
	fmt.Fprintf(os.Stderr, "versitygw was built in %v\n", time.Since(began).Round(time.Second))

	g.dir = filepath.Join(dir, "objects")
	if err := os.Mkdir(g.dir, 0o700); err != nil {
		return g, err
	}
	pid := os.Getpid()
	address := fmt.Sprintf("127.%d.%d.%d:7070", 128+pid>>16&63, pid>>8&255, pid&255)
	g.endpoint = "http://" + address
	g.credentials = Credentials{AccessKey: rand.Text()[:20], SecretKey: rand.Text()}
	self, err := os.Executable()
	if err != nil {
		return g, err
	}
	lifeline, hold, err := os.Pipe()
	if err != nil {
		return g, err
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return g, err
	}
	keeper := exec.Command(self, program, "--port", address, "--quiet", "posix", g.dir)
	keeper.Stdin, keeper.Stdout, keeper.Stderr = lifeline, output, output
	keeper.Env = append(os.Environ(), keeperMark+"=1", "ROOT_ACCESS_KEY_ID="+g.credentials.AccessKey, "ROOT_SECRET_ACCESS_KEY="+g.credentials.SecretKey)
	if err := keeper.Start(); err != nil {
		return g, err
	}
	stopGateway = func() {
		_ = hold.Close()
		_ = keeper.Wait() // it was told to end
		_, _ = lifeline.Close(), output.Close()
		_ = os.RemoveAll(dir)
	}
	return g, awaitGateway(ctx, address, output.Name())
}

// awaitGateway polls until something listens there.
func awaitGateway(ctx context.Context, address, output string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			printed, _ := os.ReadFile(output)
			return fmt.Errorf("versitygw does not listen on %s: %w; it printed %q", address, err, printed)
		case <-tick.C:
		}
	}
}

const keeperMark = "FIREDRILL_STORE_KEEPER"

// keep runs a program until standard input ends: however the tests end, it does
// too.
func keep(args []string) {
	program := exec.Command(args[0], args[1:]...)
	program.Stdout, program.Stderr = os.Stdout, os.Stderr
	if err := program.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = program.Process.Kill()
	_ = program.Wait()
	os.Exit(0)
}
