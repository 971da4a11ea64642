package rehearse

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
)

// good is a small whole snapshot.
func good(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if _, err := dataset.Write(t.Context(), path, dataset.Spec{Keys: 300, ValueSize: 1000}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// However a snapshot comes, in whichever pieces, it is kept and summed up alike.
func TestIntakeInPieces(t *testing.T) {
	content := good(t)
	want := sha256.Sum256(content)
	for _, piece := range []int{1 << 10, 31, 32, 33, 4096, len(content), len(content) - 1, len(content) - 33} {
		file, err := os.Create(filepath.Join(t.TempDir(), "copy"))
		if err != nil {
			t.Fatal(err)
		}
		plausible := 0
		in := newIntake(file, -1, func() { plausible++ })
		for from := 0; from < len(content); from += piece {
			if _, err := in.Write(content[from:min(from+piece, len(content))]); err != nil {
				t.Fatal(err)
			}
		}
		sum, err := in.verify()
		if err != nil || sum != hex.EncodeToString(want[:]) || in.size != int64(len(content)) || plausible != 1 {
			t.Errorf("in pieces of %d: %s, %v, %d bytes, plausible %d times", piece, sum, err, in.size, plausible)
		}
		kept, err := os.ReadFile(file.Name())
		if err != nil || !bytes.Equal(kept, content) {
			t.Errorf("in pieces of %d: what was kept is not what came: %v", piece, err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIntakeRefuses(t *testing.T) {
	content := good(t)
	flipped := bytes.Clone(content)
	flipped[len(flipped)/2] ^= 1
	for what, c := range map[string]struct {
		content []byte
		want    string
	}{
		"a flipped bit":          {flipped, "damaged"},
		"nothing":                {nil, "empty"},
		"half":                   {content[:len(content)/2], "truncated"},
		"what is shorter":        {[]byte("Salted__"), "openssl"},
		"a large gzip":           {append([]byte("\x1f\x8b"), make([]byte, 1<<20)...), "gzip"},
		"a db file without more": {content[:len(content)-sha256.Size], "no checksum"},
	} {
		file, err := os.Create(filepath.Join(t.TempDir(), "copy"))
		if err != nil {
			t.Fatal(err)
		}
		in := newIntake(file, -1, func() {})
		_, err = in.Write(c.content)
		if err == nil {
			_, err = in.verify()
		}
		in.end()
		if !errors.Is(err, dataset.ErrDamaged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzSums(f *testing.F) {
	f.Add([]byte("a"), 1)
	f.Add(bytes.Repeat([]byte("etcd"), 100), 7)
	f.Fuzz(func(t *testing.T, content []byte, piece int) {
		if piece < 1 || len(content) > 1<<16 {
			t.Skip()
		}
		sum := sha256.Sum256(content)
		content = append(content, sum[:]...)
		s := sums{hash: sha256.New()}
		for from := 0; from < len(content); from += piece {
			s.add(content[from:min(from+piece, len(content))])
		}
		matches, all := s.end()
		if want := fmt.Sprintf("%x", sha256.Sum256(content)); !matches || all != want {
			t.Fatalf("%v, %s, want %s", matches, all, want)
		}
	})
}
