package store

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// Secrets are the parts of credentials for S3 servers that are not to be written
// down, where others who have them may print them. However they are printed or
// encoded, they are not in it. The zero value has none.
type Secrets struct{ parts []string } // the longest first

// Format prints that these are credentials, whatever the verb.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText encodes that these are credentials, in JSON too.
func (Secrets) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// leastSecret is how many bytes a part has that is taken for a secret. A shorter
// one is a name that is an access key as well, such as "admin": servers take no
// secret that short, and it would be found in every other word.
const leastSecret = 8

// SecretsOf are those that a store was opened with, if it was with any (it may be
// nil), and those in our environment, which is that of whatever we start.
func SecretsOf(s Store) Secrets {
	var parts []string
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
	} {
		parts = append(parts, os.Getenv(name))
	}
	if b, ok := s.(*bucket); ok {
		parts = append(parts, b.known.parts()...)
	}
	return secretsOf(parts)
}

func secretsOf(parts []string) Secrets {
	parts = slices.DeleteFunc(parts, func(part string) bool { return len(part) < leastSecret })
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return Secrets{slices.Compact(parts)}
}

// Redact takes them out of a text.
func (s Secrets) Redact(text string) string {
	var out strings.Builder
	r := s.Writer(&out)
	_, _ = io.WriteString(r, text) // a strings.Builder takes everything
	_ = r.Close()
	return out.String()
}

// Writer passes on what is written to it without them, however they are cut in
// pieces. What may be the beginning of one is held back until more comes, or Close.
func (s Secrets) Writer(to io.Writer) io.WriteCloser { return &redacting{secrets: s, to: to} }

// redacting takes writes from several goroutines, as what it writes to may.
type redacting struct {
	secrets Secrets
	to      io.Writer

	mu   sync.Mutex
	held []byte
}

func (r *redacting) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := p
	if len(r.held) > 0 {
		text = slices.Concat(r.held, p)
	}
	rest, err := r.pass(text, false)
	r.held = bytes.Clone(rest)
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what is still held, and leaves what it writes to open.
func (r *redacting) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.pass(r.held, true)
	r.held = nil
	return err
}

// pass writes what can be told to be no secret, with a word in the place of those
// that are, and returns the rest. Of two that overlap the first is taken, and of
// two that begin together the longer.
func (r *redacting) pass(text []byte, last bool) (rest []byte, err error) {
	done, begun := 0, len(text)
	if !last {
		begun = r.secrets.begun(text)
	}
	next := make([]int, len(r.secrets.parts)) // where each is found, as far as that was looked for
	for i := range next {
		next[i] = -1
	}
	for {
		at, size := len(text), 0
		for i, part := range r.secrets.parts {
			if next[i] < done {
				next[i] = len(text)
				if found := bytes.Index(text[done:], []byte(part)); found >= 0 {
					next[i] = done + found
				}
			}
			if next[i] < at {
				at, size = next[i], len(part)
			}
		}
		if begun <= at { // a longer one may begin there
			return text[begun:], r.write(text[done:begun])
		}
		if err := r.write(text[done:at]); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(r.to, redacted); err != nil {
			return nil, err
		}
		if done = at + size; done > begun { // what began there is gone
			begun = done
			if !last {
				begun += r.secrets.begun(text[done:])
			}
		}
	}
}

func (r *redacting) write(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := r.to.Write(text)
	return err
}

// begun finds where a text ends in the beginning of a secret: its own end if nowhere.
func (s Secrets) begun(text []byte) int {
	first := len(text)
	for _, part := range s.parts {
		for at := max(0, len(text)-len(part)+1); at < first; at++ {
			if strings.HasPrefix(part, string(text[at:])) {
				first = at
			}
		}
	}
	return first
}
