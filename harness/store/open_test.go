package store

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestOpenBadLocation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := Options{Endpoint: "http://127.0.0.1:1", Credentials: Credentials{"access", "secret"}}
	for _, c := range []struct {
		location string
		options  Options
		want     string
	}{
		{"", Options{}, "no location"},
		{"gs://bucket", Options{}, "s3://BUCKET/PREFIX"},
		{"https://user:hunter2@host/bucket", Options{}, "s3://BUCKET/PREFIX"},
		{"file://relative/path", Options{}, "file:///PATH"},
		{t.TempDir(), good, "no S3 endpoint"},
		{filepath.Join(t.TempDir(), "no", "such"), Options{}, "whose parent exists"},
		{file, Options{}, "can be read and written"},
		{"s3://", good, "s3://BUCKET or s3://BUCKET/PREFIX"},
		{"s3:///prefix", good, "s3://BUCKET or s3://BUCKET/PREFIX"},
		{"s3://access:hunter2@bucket/prefix", good, "s3://BUCKET or s3://BUCKET/PREFIX"},
		{"s3://bucket/../other", good, "s3://BUCKET or s3://BUCKET/PREFIX"},
		{"s3://bucket/prefix?versionId=1", good, "s3://BUCKET or s3://BUCKET/PREFIX"},
		{"s3://bucket", Options{Endpoint: "http://access:hunter2@host", Credentials: good.Credentials}, "without credentials or path"},
		{"s3://bucket", Options{Endpoint: "http://host/path", Credentials: good.Credentials}, "http://HOST:PORT"},
		{"s3://bucket", Options{Endpoint: "ftp://host", Credentials: good.Credentials}, "http://HOST:PORT"},
		{"s3://bucket", Options{Endpoint: "http://", Credentials: good.Credentials}, "http://HOST:PORT"},
		{"s3://bucket", Options{Endpoint: good.Endpoint, Credentials: Credentials{AccessKey: "access"}}, "lack"},
		{"s3://B", good, "Bucket"},
	} {
		s, err := Open(t.Context(), c.location, c.options)
		if err == nil || s != nil {
			t.Errorf("%s: opened as %v", c.location, s)
			continue
		}
		if !strings.HasPrefix(err.Error(), "open store") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s with %s: %v", c.location, c.options.Endpoint, err)
		}
	}
}

func TestOpenDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	for _, location := range []string{dir, dir + "/", "file://" + dir} {
		s, err := Open(t.Context(), location, Options{})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "a.db", []byte("abc"))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if stat, err := os.Stat(dir); err != nil || stat.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", stat.Mode(), err)
	}
}

func TestOpenBucket(t *testing.T) {
	p, _ := ourServer(t)
	for _, location := range []string{"s3://" + bucketName, "s3://" + bucketName + "/", "s3://" + bucketName + "/a/b/"} {
		s, err := Open(t.Context(), location, p.options)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.String(); got != strings.TrimSuffix(location, "/") {
			t.Errorf("%s is called %q", location, got)
		}
		put(t, s, "x.db", []byte(location))
		if got := listed(t, s); got[len(got)-1] != fmt.Sprintf("x.db:%d", len(location)) {
			t.Errorf("%s holds %q", location, got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err := Open(t.Context(), "s3://nobody-made-it", p.options)
	refused(t, err, ErrNotFound, "open store s3://nobody-made-it: ", "create the bucket")
	p.options.Endpoint = strings.Replace(p.options.Endpoint, "http:", "https:", 1)
	_, err = Open(t.Context(), p.location, p.options)
	refused(t, err, nil, "does not speak TLS")
}

// profiles writes an AWS credentials file.
func profiles(t *testing.T, text string) {
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", path)
}

func TestCredentials(t *testing.T) {
	for _, server := range []func(*testing.T) place{onOurServer, onGateway} {
		p := server(t)
		access, secret := p.options.Credentials.AccessKey, p.options.Credentials.SecretKey
		file := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n[wrong]\naws_access_key_id = %s\naws_secret_access_key = hunter2hunter2\n[half]\naws_access_key_id = %s\n", access, secret, access, access)
		for _, c := range []struct {
			name, file string
			env        map[string]string
			want       string // in the error
		}{
			{name: "environment", env: map[string]string{"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}},
			{name: "environment before files", file: file, env: map[string]string{"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_PROFILE": "wrong"}},
			{name: "default profile", file: file},
			{name: "other profile", file: strings.Replace(file, "[default]", "[good]", 1), env: map[string]string{"AWS_PROFILE": "good"}},
			{name: "none", want: `"default"`},
			{name: "no such profile", file: file, env: map[string]string{"AWS_PROFILE": "other"}, want: `"other"`},
			{name: "half a profile", file: file, env: map[string]string{"AWS_PROFILE": "half"}, want: `"half"`},
			{name: "no file of profiles", file: "[default\nsecret hunter2hunter2", want: `"default"`},
			{name: "no secret", env: map[string]string{"AWS_ACCESS_KEY_ID": access}, want: "AWS_SECRET_ACCESS_KEY is not"},
			{name: "no access key", env: map[string]string{"AWS_SECRET_ACCESS_KEY": secret}, want: "AWS_ACCESS_KEY_ID is not"},
			{name: "wrong secret", file: file, env: map[string]string{"AWS_PROFILE": "wrong"}, want: "does not know these credentials"},
			{name: "wrong access key", env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAHUNTER2HUNTER2", "AWS_SECRET_ACCESS_KEY": secret}, want: "does not know these credentials"},
		} {
			t.Run(p.name+" "+c.name, func(t *testing.T) {
				profiles(t, c.file)
				for name, value := range c.env {
					t.Setenv(name, value)
				}
				s, err := Open(t.Context(), p.location, Options{Endpoint: p.options.Endpoint})
				if c.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					put(t, s, "a.db", []byte("abc"))
					if err := s.Close(); err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil {
					t.Fatal("opened")
				}
				secretless(t, fmt.Sprintf("%v %+v %#v", err, err, err), access, secret, "hunter2", "HUNTER2")
				refused(t, err, nil, c.want)
			})
		}
	}
}

func secretless(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

// However a store, what it is opened with, or an error is printed, no
// credentials are in it, also where the server tells them.
func TestNoCredentialsAnywhere(t *testing.T) {
	const access, secret, token = "AKIAEXAMPLEEXAMPLE", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "the-session-token"
	tell := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !tell {
			_, _ = io.WriteString(w, `<ListBucketResult></ListBucketResult>`)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<Error><Code>InvalidAccessKeyId</Code><Message>no %s with %s and %s: %s</Message></Error>`, access, secret, r.Header.Get("X-Amz-Security-Token"), r.Header.Get("Authorization"))
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", access)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_SESSION_TOKEN", token)
	t.Setenv("AWS_REGION", "eu-nowhere-1")
	options := Options{Endpoint: server.URL, Credentials: Credentials{access, secret}}
	for i, o := range []Options{options, {Endpoint: server.URL}, {Endpoint: server.URL}} {
		if i == 2 { // those of a profile
			for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
				t.Setenv(name, "")
			}
			profiles(t, fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n", access, secret, token))
		}
		tell = false
		s, err := Open(t.Context(), "s3://bucket/prefix", o)
		if err != nil {
			t.Fatal(err)
		}
		tell = true
		_, err = s.List(t.Context())
		if err == nil || !strings.Contains(err.Error(), redacted) || !strings.Contains(err.Error(), "eu-nowhere-1/s3/aws4_request") {
			t.Errorf("%v", err)
		}
		if regexp.MustCompile("[0-9a-f]{64}").MatchString(err.Error()) {
			t.Errorf("a signature is in %v", err)
		}
		encoded, jsonErr := json.Marshal([]any{o, s, err})
		if jsonErr != nil {
			t.Error(jsonErr)
		}
		for _, printed := range []any{s, o, &o, o.Credentials, err, struct{ O Options }{o}, []Credentials{o.Credentials}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				secretless(t, fmt.Sprintf(verb, printed), access, secret, token)
			}
		}
		secretless(t, string(encoded), access, secret, token)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
