package relay

import (
	"sync"
	"testing"
)

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		writes  []string
		want    string
		dropped int64
	}{
		{nil, "", 0},
		{[]string{"abc"}, "abc", 0},
		{[]string{"abcd", "efgh"}, "abcdefgh", 0},
		{[]string{"abcd", "efgh", "i"}, "abcdfghi", 1},
		{[]string{"a", "bcdefghijklmnop", "q"}, "abcdnopq", 9},
		{[]string{"abcdefgh", "ijklm", "n", "op"}, "abcdmnop", 8},
		{[]string{"abcdefghijklmnopqrstuvwxyz"}, "abcdwxyz", 18},
	} {
		c := &Clip{Most: 4}
		for _, w := range tt.writes {
			if n, err := c.Write([]byte(w)); n != len(w) || err != nil {
				t.Error(n, err)
			}
		}
		if got, dropped := c.Kept(); string(got) != tt.want || dropped != tt.dropped {
			t.Errorf("%q keeps %q and drops %d, want %q and %d", tt.writes, got, dropped, tt.want, tt.dropped)
		}
	}
}

// A command's children print at the same time, and the zero value is ready.
func TestClipAsItIs(t *testing.T) {
	var c Clip
	var writing sync.WaitGroup
	for range 8 {
		writing.Go(func() {
			for range 200 {
				_, _ = c.Write(make([]byte, 1000))
			}
		})
	}
	writing.Wait()
	if kept, dropped := c.Kept(); len(kept) != 2*MostKept || dropped != 8*200*1000-2*MostKept {
		t.Errorf("%d bytes are kept and %d dropped", len(kept), dropped)
	}
}
