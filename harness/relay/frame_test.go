package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// encode is a frame as it goes over the connection.
func encode(k kind, payload string) []byte {
	text := binary.BigEndian.AppendUint32([]byte{byte(k)}, uint32(len(payload)))
	return append(text, payload...)
}

func TestReadFrame(t *testing.T) {
	for _, f := range []frame{
		{kindInput, []byte("x")},
		{kindInputEnd, []byte{}},
		{kindHangUp, []byte{}},
		{kindOut, bytes.Repeat([]byte("o"), mostPayload)},
		{kindErr, []byte("\x00\xff")},
		{kindEnd, []byte(`{"code":0}`)},
		{kindTaken, []byte{0, 0, 1, 0}},
	} {
		text := encode(f.kind, string(f.payload))
		r := bytes.NewReader(append(text, "next"...))
		got, err := readFrame(r)
		if err != nil || got.kind != f.kind || !bytes.Equal(got.payload, f.payload) {
			t.Errorf("a frame of %v with %d bytes comes back as %v with %d, %v", f.kind, len(f.payload), got.kind, len(got.payload), err)
		}
		if r.Len() != len("next") {
			t.Errorf("after a frame of %v %d bytes are left", f.kind, r.Len())
		}
		for _, n := range []int{1, headSize - 1, len(text) - 1} {
			if _, err := readFrame(bytes.NewReader(text[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("a frame of %v cut after %d bytes: %v", f.kind, n, err)
			}
		}
	}
	if _, err := readFrame(strings.NewReader("")); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("nothing at all: %v", err)
	}
}

// What is no frame is refused by its head: nothing is read, or held, for it.
func TestRefusedFrames(t *testing.T) {
	for head, want := range map[string]string{
		"\x00\x00\x00\x00\x00":                    "no frame of kind 0",
		"\x08\x00\x00\x00\x01":                    "no frame of kind 8",
		"{\"ver":                                  "no frame of kind 123",
		string(encode(kindInput, "")):             "claims 0 bytes",
		string(encode(kindEnd, "")):               "claims 0 bytes",
		"\x01\x00\x04\x00\x01":                    "claims 262145 bytes",
		"\x04\xff\xff\xff\xff":                    "claims 4294967295 bytes",
		string(encode(kindHangUp, "x")):           "and it has none",
		string(encode(kindInputEnd, "x")):         "and it has none",
		string(encode(kindTaken, "\x00\x00\x01")): "and 4 are right",
	} {
		r := strings.NewReader(head + "more")
		_, err := readFrame(r)
		if !errors.Is(err, errUnread) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", head, err, want)
		}
		if read := len(head) + len("more") - r.Len(); read > max(headSize, len(head)) {
			t.Errorf("%q: %d bytes were read", head, read)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(encode(kindOut, "text"))
	f.Add(encode(kindTaken, "\x00\x01\x00\x00"))
	f.Add(append(encode(kindHangUp, ""), encode(kindInput, "x")...))
	f.Add([]byte{byte(kindEnd), 0xff, 0xff, 0xff, 0xff, 'x'})
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bytes.NewReader(text)
		var again bytes.Buffer
		for {
			whole := len(text) - r.Len()
			got, err := readFrame(r)
			if err != nil {
				if !bytes.Equal(again.Bytes(), text[:whole]) {
					t.Errorf("%x comes back as %x", text[:whole], again.Bytes())
				}
				if errors.Is(err, io.EOF) && whole != len(text) {
					t.Errorf("%d bytes of a frame were taken for none", len(text)-whole)
				}
				return
			}
			if len(got.payload) > mostPayload {
				t.Errorf("%d bytes were let through", len(got.payload))
			}
			again.Write(encode(got.kind, string(got.payload)))
		}
	})
}

// far is the far end of a connection over which somebody says these bytes and
// closes it. What he is told he takes in.
func far(t *testing.T, text []byte) net.Conn {
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		go func() { _, _ = far.Write(text); _ = far.Close() }()
		_, _ = io.Copy(io.Discard, far)
	}()
	t.Cleanup(func() { _ = near.Close(); <-done })
	return near
}

// Whatever comes, either side ends, and no input that was not ended passes for whole.
func FuzzServe(f *testing.F) {
	f.Add(append(encode(kindInput, "in"), encode(kindInputEnd, "")...))
	f.Add(append(encode(kindTaken, "\x00\x00\x00\x01"), encode(kindHangUp, "")...))
	f.Add(encode(kindOut, "what only a server says"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ended := bytes.Contains(text, encode(kindInputEnd, ""))
		_ = Serve(t.Context(), far(t, text), func(ctx context.Context, s harness.Streams) (int, error) {
			got, err := io.ReadAll(s.In)
			if err == nil && !ended {
				t.Errorf("%d bytes of input pass for whole", len(got))
			}
			_, _ = s.Out.Write(got)
			<-ctx.Done()
			return 0, nil
		})
	})
}

func FuzzCall(f *testing.F) {
	f.Add(append(encode(kindOut, "out"), encode(kindEnd, `{"code":3}`)...))
	f.Add(append(encode(kindTaken, "\x00\x00\x00\x01"), encode(kindErr, "err")...))
	f.Add(encode(kindEnd, `{"code":`))
	f.Add(encode(kindInput, "what only a caller says"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var out Clip
		in := strings.NewReader("some input")
		_, err := Call(t.Context(), far(t, text), harness.Streams{In: in, Out: &out, Err: &out})
		if err == nil && !bytes.Contains(text, []byte{byte(kindEnd)}) {
			t.Error("it ended without an end")
		}
		if kept, _ := out.Kept(); len(kept) > len(text) {
			t.Errorf("%d bytes come out of %d", len(kept), len(text))
		}
	})
}

// What breaks the rules is no command: the caller is told nothing of it, and the
// command at the other end is ended.
func TestBrokenRules(t *testing.T) {
	flood := bytes.Repeat(encode(kindInput, strings.Repeat("x", mostPayload)), windowSize/mostPayload+1)
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"noise":              {[]byte("GET / HTTP/1.1\r\n"), "no frame of kind 71"},
		"a server's frame":   {encode(kindOut, "x"), "a caller sends no frame of output"},
		"an end":             {encode(kindEnd, "{}"), "a caller sends no frame of end"},
		"more than fits":     {flood, "more was sent than there is room for"},
		"more than was sent": {encode(kindTaken, "\x00\x00\x00\x01"), "1 bytes are told to be taken, and only 0 were sent"},
		"a frame cut short":  {encode(kindInput, "xyz")[:7], io.ErrUnexpectedEOF.Error()},
	} {
		t.Run("served "+name, func(t *testing.T) {
			var why error
			_ = Serve(within(t), far(t, c.text), func(ctx context.Context, _ harness.Streams) (int, error) {
				<-ctx.Done()
				why = context.Cause(ctx)
				return 0, nil
			})
			if !errors.Is(why, ErrCut) || !strings.Contains(why.Error(), c.want) {
				t.Errorf("the command ends because of %v, want %q", why, c.want)
			}
		})
	}
	flood = bytes.Repeat(encode(kindErr, strings.Repeat("x", mostPayload)), windowSize/mostPayload+1)
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":            {nil, io.ErrUnexpectedEOF.Error()},
		"noise":              {[]byte("HTTP/1.1 400 Bad Request\r\n"), "no frame of kind 72"},
		"a caller's frame":   {encode(kindInput, "x"), "a server sends no frame of input"},
		"more than fits":     {flood, "more was sent than there is room for"},
		"more than was sent": {encode(kindTaken, "\xff\xff\xff\xff"), "4294967295 bytes are told to be taken"},
		"no JSON":            {encode(kindEnd, "{"), "the end of a command"},
		"a frame cut short":  {encode(kindOut, "xyz")[:7], io.ErrUnexpectedEOF.Error()},
	} {
		t.Run("called "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := make(chan struct{})
				slow := writerFunc(func(p []byte) (int, error) { <-gate; return len(p), nil })
				time.AfterFunc(time.Second, func() { close(gate) }) // that is, when all has come
				_, err := Call(t.Context(), far(t, c.text), harness.Streams{Out: slow, Err: slow})
				if !errors.Is(err, ErrCut) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("it ends with %v, want %q", err, c.want)
				}
			})
		})
	}
}
