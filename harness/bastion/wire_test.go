package bastion

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestCallsReadBack(t *testing.T) {
	for _, want := range []Call{
		{Verb: List},
		{By: "restore.sh", Verb: Exec, Args: []string{"m1", "printf", "%s\n", "", "\xff\x00"}},
	} {
		var sent bytes.Buffer
		if err := writeCall(&sent, want); err != nil {
			t.Fatal(err)
		}
		sent.WriteString("what follows")
		r := bufio.NewReader(&sent)
		got, err := readCall(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("it reads back as another: %s", diff)
		}
		if rest, err := io.ReadAll(r); err != nil || string(rest) != "what follows" {
			t.Errorf("after it there is %q, %v", rest, err)
		}
	}
}

// However much comes without the end of a line, no more is kept than a call may be.
func TestALineHasItsMeasure(t *testing.T) {
	endless := &counted{r: strings.NewReader(strings.Repeat("x", 3*mostLine))}
	if _, err := readCall(bufio.NewReader(endless)); !errors.Is(err, errNoCall) {
		t.Errorf("it is read as a call: %v", err)
	}
	if endless.n > mostLine+64<<10 {
		t.Errorf("%d bytes were read, and a call has %d at most", endless.n, mostLine)
	}
}

type counted struct {
	r io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func FuzzReadCall(f *testing.F) {
	f.Add([]byte(`{"firedrill":1,"by":"restore.sh","verb":"exec","args":["bTE=","dHJ1ZQ=="]}` + "\n"))
	f.Add([]byte(`{"firedrill":1,"verb":"ls"}` + "\n"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c, err := readCall(bufio.NewReaderSize(bytes.NewReader(sent), 16))
		if err != nil {
			if !errors.Is(err, errNoCall) && !errors.Is(err, io.EOF) {
				t.Errorf("%q: %v", sent, err)
			}
			return
		}
		_ = c.Check()
		var again bytes.Buffer
		if err := writeCall(&again, c); err != nil {
			t.Fatal(err)
		}
		back, err := readCall(bufio.NewReader(&again))
		if err != nil {
			t.Fatalf("%q is written as %q, which is none: %v", sent, again.String(), err)
		}
		if diff := cmp.Diff(c, back, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("it reads back as another: %s", diff)
		}
	})
}
