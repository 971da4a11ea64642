package drill

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

func TestVerifyTrailer(t *testing.T) {
	body := bytes.Repeat([]byte("etcd"), 256)
	sum := sha256.Sum256(body)
	good := append(bytes.Clone(body), sum[:]...)
	path := filepath.Join(t.TempDir(), "snapshot.db")
	try := func(content []byte) error {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := verifyTrailer(path)
		return err
	}
	if err := try(good); err != nil {
		t.Fatalf("a good snapshot: %v", err)
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if try(bad) == nil {
			t.Errorf("a bit flipped in byte %d was not seen", at)
		}
	}
	for length := range good {
		if try(good[:length]) == nil {
			t.Errorf("a file cut off after %d bytes was taken for whole", length)
		}
	}
	if try(body) == nil {
		t.Error("a database without trailer was taken for a snapshot")
	}
}
