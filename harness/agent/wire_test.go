package agent

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestFrames(t *testing.T) {
	want := news{Number: 7, State: harness.EtcdState{PID: 4, LastExit: &harness.EtcdExit{Code: -1, Signal: "killed"}}, Event: &event{Kind: harness.EtcdExited, Text: "«»"}}
	var wire bytes.Buffer
	if err := writeFrame(&wire, want); err != nil {
		t.Fatal(err)
	}
	text := wire.Bytes()
	var got news
	if err := readFrame(iotest.OneByteReader(bytes.NewReader(text)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it comes out different (-want +got):\n%s", diff)
	}
	for n := range len(text) {
		err := readFrame(bytes.NewReader(text[:n]), &got)
		if err == nil || (n == 0) != errors.Is(err, io.EOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	if err := readFrame(strings.NewReader("\xff\xff\xff\xff{}"), &got); err == nil || !strings.Contains(err.Error(), "4294967295") {
		t.Errorf("a frame that claims 4 GiB: %v", err)
	}
	if err := writeFrame(io.Discard, strings.Repeat("x", mostFrame)); err == nil {
		t.Error("a frame too large was written")
	}
}

func TestContent(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	var wire bytes.Buffer
	w := &chunkWriter{w: &wire}
	for _, part := range [][]byte{want[:1], want[1:7], nil, want[7:]} {
		if n, err := w.Write(part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	cut := wire.Len()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wire.WriteString("what follows")
	text := wire.Bytes()

	r := bytes.NewReader(text)
	got, err := io.ReadAll(&chunkReader{r: r})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes come out of %d, %v", len(got), len(want), err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "what follows" {
		t.Errorf("after the content there is %q", rest)
	}
	for _, n := range []int{0, 1, 4, 5, 300_000, cut, cut + 3} {
		if _, err := io.ReadAll(&chunkReader{r: bytes.NewReader(text[:n])}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func TestGreeting(t *testing.T) {
	for said, want := range map[string]string{
		greeting + "\nrest":               "",
		"":                                "ended before it said anything",
		"firedrill agent, protocol 9\n":   "another build",
		"OCI runtime exec failed: no\x00": "OCI runtime exec failed: no",
		strings.Repeat("y", 10_000):       "yyyy",
	} {
		r := strings.NewReader(said)
		err := readGreeting(r)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", said, err, want)
		}
		if rest, _ := io.ReadAll(r); err == nil && string(rest) != "rest" {
			t.Errorf("after the greeting there is %q", rest)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	var wire bytes.Buffer
	_ = writeFrame(&wire, request{Verb: verbRun, Script: "echo", Mode: 0o600})
	f.Add(wire.Bytes())
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add([]byte{0xff, 0, 0, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		var req request
		var n news
		var rep reply
		for _, v := range []any{&req, &n, &rep} {
			_ = readFrame(bytes.NewReader(text), v)
		}
		if err := readFrame(bytes.NewReader(text), &req); err != nil {
			return
		}
		var again bytes.Buffer
		var same request
		if err := writeFrame(&again, req); err != nil {
			t.Fatal(err)
		}
		if err := readFrame(&again, &same); err != nil || !reflect.DeepEqual(same, req) {
			t.Errorf("%+v comes back as %+v, %v", req, same, err)
		}
	})
}

func FuzzContent(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 'x', 0, 0, 0, 0}, 3)
	f.Add([]byte{0, 8, 0, 0, 'x'}, 1)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		got, err := io.ReadAll(&chunkReader{r: bytes.NewReader(text)})
		if len(got) > len(text) {
			t.Errorf("%d bytes come out of %d", len(got), len(text))
		}
		if err == nil && !bytes.Contains(text, []byte{0, 0, 0, 0}) {
			t.Error("content without an end was taken for complete")
		}
		var wire bytes.Buffer
		w := &chunkWriter{w: &wire}
		step = max(1, step)
		for rest := text; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			_, _ = w.Write(rest[:min(step, len(rest))])
		}
		_ = w.Close()
		if back, err := io.ReadAll(&chunkReader{r: &wire}); err != nil || !bytes.Equal(back, text) {
			t.Errorf("%d bytes come back as %d, %v", len(text), len(back), err)
		}
	})
}

func FuzzReadGreeting(f *testing.F) {
	f.Add([]byte(greeting + "\n"))
	f.Add([]byte("\x00\x01yamux\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		err := readGreeting(bytes.NewReader(text))
		if good := bytes.HasPrefix(text, []byte(greeting+"\n")) || bytes.HasPrefix(text, []byte(greeting+"\r")) || string(text) == greeting; err == nil && !good {
			t.Errorf("%q passes for a greeting", text)
		}
	})
}

func TestPublicOutput(t *testing.T) {
	got := (&output{Stdout: []byte("o"), Stderr: []byte("e"), Dropped: 3, ExitCode: 4, Duration: time.Second}).public()
	want := harness.Output{Stdout: "o", Stderr: "e", Dropped: 3, ExitCode: 4, Duration: time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
