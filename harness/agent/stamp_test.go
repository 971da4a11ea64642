//go:build linux

package agent

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStamp: a file whose stamp tells, and is the same, was not changed.
func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etcd.yaml")
	none := stampOf(path)
	if !none.tells || none.there {
		t.Errorf("of no file: %+v", none)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	if young := stampOf(path); young.tells || !young.there {
		t.Errorf("of a file that was just written: %+v", young)
	}
	old := settledStamp(t, path)
	if again := stampOf(path); again != old {
		t.Errorf("it was not changed: %+v, then %+v", old, again)
	}
	write("two") // of the same length
	if changed := settledStamp(t, path); changed == old {
		t.Error("a change is not seen")
	}
	was := settledStamp(t, path)
	if err := os.Rename(path, path+".aside"); err != nil {
		t.Fatal(err)
	}
	if gone := stampOf(path); gone != none {
		t.Errorf("moved away: %+v", gone)
	}
	write("two")
	if other := settledStamp(t, path); other == was {
		t.Error("another file of the same content is taken for the one before")
	}
	if bad := stampOf(filepath.Join(path, "below")); bad.tells {
		t.Errorf("of what cannot be: %+v", bad)
	}
}

// settledStamp waits until a file is old enough for its stamp to tell.
func settledStamp(t *testing.T, path string) stamp {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		if s := stampOf(path); s.tells {
			return s
		}
		select {
		case <-limit:
			t.Fatal("the file was not old enough after 10 s")
		case <-time.After(time.Millisecond):
		}
	}
}
