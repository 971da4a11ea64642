package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// withoutCredentials empties whatever in the environment may hold some.
func withoutCredentials(t *testing.T) {
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") && !strings.HasSuffix(name, "_FILE") {
			t.Setenv(name, "")
		}
	}
}

// What our environment and a store hold is taken out, wherever it came from.
func TestSecretsOf(t *testing.T) {
	withoutCredentials(t)
	p := onOurServer(t)
	access, secret := p.options.Credentials.AccessKey, p.options.Credentials.SecretKey
	given := p.open(t)
	profiles(t, fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", access, secret))
	p.options.Credentials = Credentials{}
	ofProfile := p.open(t)
	for name, c := range map[string]struct {
		of   Store
		env  map[string]string
		gone []string
		kept string
	}{
		"nothing is known":       {kept: access + secret},
		"a directory":            {of: inDirectory(t).open(t), kept: access + secret},
		"given to the store":     {of: given, gone: []string{access, secret}},
		"of a profile":           {of: ofProfile, gone: []string{access, secret}},
		"of the environment":     {env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7", "AWS_SESSION_TOKEN": "IQoJb3JpZ2lu=="}, gone: []string{"AKIAEXAMPLE", "wJalrXUtnFEMI/K7", "IQoJb3JpZ2lu=="}},
		"by their other names":   {env: map[string]string{"AWS_ACCESS_KEY": "AKIAEXAMPLE", "AWS_SECRET_KEY": "wJalrXUtnFEMI/K7", "AWS_SECURITY_TOKEN": "IQoJb3JpZ2lu=="}, gone: []string{"AKIAEXAMPLE", "wJalrXUtnFEMI/K7", "IQoJb3JpZ2lu=="}},
		"both":                   {of: given, env: map[string]string{"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7"}, gone: []string{access, secret, "wJalrXUtnFEMI/K7"}},
		"what is but a name":     {env: map[string]string{"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7"}, gone: []string{"wJalrXUtnFEMI/K7"}, kept: "admin"},
		"what says no secret":    {env: map[string]string{"AWS_REGION": "eu-nowhere-1", "AWS_PROFILE": "somebody's"}, kept: "eu-nowhere-1 somebody's"},
		"one that begins others": {env: map[string]string{"AWS_ACCESS_KEY_ID": "minioadmin", "AWS_SECRET_ACCESS_KEY": "minioadmin-and-more"}, gone: []string{"minioadmin-and-more", "minioadmin"}},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			s := SecretsOf(c.of)
			text := s.Redact("before" + strings.Join(c.gone, "|") + c.kept + "after")
			secretless(t, text, c.gone...)
			if want := "before" + strings.Join(slices.Repeat([]string{redacted}, len(c.gone)), "|") + c.kept + "after"; text != want {
				t.Errorf("%q, want %q", text, want)
			}
			encoded, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", s, &s, s, s, s, s), string(encoded), fmt.Sprintf("%+v", struct{ S Secrets }{s})} {
				secretless(t, printed, c.gone...)
			}
		})
	}
}

// However it is cut in pieces, and whatever begins like a secret and is none, what
// is passed on is what is passed on of the whole.
func TestSecretsInPieces(t *testing.T) {
	s := secretsOf([]string{"abcabcabd", "abcabcab", "cabdXYZ.Q", "ZZZZZZZZ"})
	for text, want := range map[string]string{
		"":                           "",
		"abcabca":                    "abcabca",
		"abcabcab":                   redacted,
		"abcabcabc":                  redacted + "c",
		"abcabcabd":                  redacted,
		"abcabcabcabd":               redacted + "cabd",
		"abcabcacabdXYZ.Q":           "abcabca" + redacted,
		"ab\nabcabcabd\nabcabcab\n":  "ab\n" + redacted + "\n" + redacted + "\n",
		"ZZZZZZZZZZZZZZZZZZZ":        redacted + redacted + "ZZZ",
		"ZZZZZZZabcabcabcabdXYZ.Q.a": "ZZZZZZZ" + redacted + redacted + ".a",
	} {
		pieces(t, s, text, want)
	}
}

// pieces redacts a text as a whole, byte by byte, and cut at any two places.
func pieces(t *testing.T, s Secrets, text, want string) {
	t.Helper()
	if got := s.Redact(text); got != want {
		t.Errorf("%q becomes %q, want %q", text, got, want)
	}
	check := func(cut ...string) {
		t.Helper()
		var b bytes.Buffer
		w := s.Writer(&b)
		for _, piece := range cut {
			if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
				t.Fatalf("wrote %d of %q: %v", n, piece, err)
			}
		}
		if err := w.Close(); err != nil || b.String() != want {
			t.Errorf("in pieces %q becomes %q, want %q; %v", cut, b.String(), want, err)
		}
	}
	check(strings.Split(text, "")...)
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			check(text[:i], text[i:j], text[j:])
		}
	}
}

// What begins no secret is not held back: whoever watches sees a line when it is there.
func TestSecretsHoldNothingBack(t *testing.T) {
	var b bytes.Buffer
	w := secretsOf([]string{"abcdefgh"}).Writer(&b)
	for _, step := range []struct{ write, sees string }{
		{"waiting\n", "waiting\n"}, {"a", "waiting\n"}, {"b\n", "waiting\nab\n"}, {"xabcdefg", "waiting\nab\nx"}, {"h", "waiting\nab\nx" + redacted},
	} {
		if _, err := w.Write([]byte(step.write)); err != nil || b.String() != step.sees {
			t.Errorf("after %q there is %q, want %q; %v", step.write, b.String(), step.sees, err)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestSecretsCannotBePassedOn(t *testing.T) {
	s := secretsOf([]string{"abcdefgh"})
	for _, text := range []string{"x", "abcdefgh", "xabc", "xabcdefgh"} {
		if n, err := s.Writer(fullDisk{}).Write([]byte(text)); n != 0 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	w := s.Writer(fullDisk{})
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Error(err)
	}
	if err := w.Close(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// A program may print much, and print nothing but secrets.
func TestSecretsInMuch(t *testing.T) {
	s := secretsOf([]string{strings.Repeat("s", 40), "AKIAEXAMPLEEXAMPLE", strings.Repeat("t", 800)})
	for what, text := range map[string][]byte{
		"of nothing": bytes.Repeat([]byte("x"), 32<<10), "of a secret": bytes.Repeat([]byte("AKIAEXAMPLEEXAMPLE"), 1<<11), "of beginnings": bytes.Repeat([]byte("tttttttX"), 4<<10), "of its half": bytes.Repeat([]byte("t"), 32<<10-1),
	} {
		began := time.Now()
		w := s.Writer(discard{})
		for range 256 {
			if _, err := w.Write(text); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("8 MiB %s took %v", what, took)
		} else {
			t.Logf("8 MiB %s: %v", what, took)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func FuzzSecrets(f *testing.F) {
	f.Add("abcdefgh", "abcdefghij", "xabcdefghabcdefghijx", 3)
	f.Add("aaaaaaaa", "aaaaaaaaab", "aaaaaaaaaaaaaaaab", 9)
	f.Fuzz(func(t *testing.T, one, two, text string, at int) {
		s := secretsOf([]string{one, two})
		var pairs []string
		for _, part := range s.parts {
			pairs = append(pairs, part, redacted)
		}
		want := strings.NewReplacer(pairs...).Replace(text)
		var b bytes.Buffer
		w := s.Writer(&b)
		at = max(0, min(at, len(text)))
		for _, piece := range []string{text[:at], text[at:]} {
			if _, err := w.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil || b.String() != want {
			t.Errorf("%q becomes %q, want %q; %v", text, b.String(), want, err)
		}
	})
}
