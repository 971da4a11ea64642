package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRecord(t *testing.T) {
	for name, c := range map[string]struct {
		meddle  func(path string) error
		altered bool
	}{
		"left alone":     {func(string) error { return nil }, false},
		"read":           {func(path string) error { _, err := os.ReadFile(path); return err }, false},
		"made its equal": {func(path string) error { return os.WriteFile(path, []byte("first\n"), 0o600) }, false},
		"a byte changed": {func(path string) error { return os.WriteFile(path, []byte("fifst\n"), 0o600) }, true},
		"cut off":        {func(path string) error { return os.Truncate(path, 3) }, true},
		"lengthened":     {func(path string) error { return os.WriteFile(path, []byte("first\nand more\n"), 0o600) }, true},
		"removed":        {os.Remove, true},
		"replaced": {func(path string) error {
			if err := os.WriteFile(path+".new", []byte("third\n"), 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := begun(t, filepath.Join(t.TempDir(), "record"))
			wrote(t, r, "first\n")
			if err := c.meddle(r.Name()); err != nil {
				t.Fatal(err)
			}
			if err := r.Intact(); errors.Is(err, ErrAltered) != c.altered || !c.altered && err != nil {
				t.Errorf("at once: %v", err)
			}
			wrote(t, r, "second\n")
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if err := r.Intact(); errors.Is(err, ErrAltered) != c.altered || !c.altered && err != nil {
				t.Errorf("when it is closed: %v", err)
			}
		})
	}
}

// A record is nobody else's file.
func TestRecordThatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	if err := begun(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(path); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

func begun(t *testing.T, path string) *Record {
	t.Helper()
	r, err := Begin(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wrote(t *testing.T, r *Record, text string) {
	t.Helper()
	if _, err := r.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}
