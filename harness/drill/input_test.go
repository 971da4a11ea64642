package drill

import (
	"io"
	"strings"
	"testing"
)

// Of what is fed to a command its beginning is kept, and no half of a letter; what is no text
// is counted.
func TestHeard(t *testing.T) {
	for name, c := range map[string]struct {
		fed, kept string
		dropped   int64
	}{
		"nothing":       {"", "", 0},
		"a script":      {"set -e\nrm -rf /var/lib/etcd\n", "set -e\nrm -rf /var/lib/etcd\n", 0},
		"to the brim":   {strings.Repeat("x", mostInputKept), strings.Repeat("x", mostInputKept), 0},
		"a long one":    {strings.Repeat("x", mostInputKept+7), strings.Repeat("x", mostInputKept), 7},
		"a half letter": {strings.Repeat("x", mostInputKept-1) + "ä", strings.Repeat("x", mostInputKept-1), 2},
		"a snapshot":    {"bolt\x00\x01", "", 6},
		"no text":       {"bolt\xff", "", 5},
	} {
		h := &heard{from: strings.NewReader(c.fed)}
		if got, err := io.ReadAll(h); string(got) != c.fed || err != nil {
			t.Errorf("%s: %d bytes were passed on, and %v", name, len(got), err)
		}
		if kept, dropped := h.kept(); kept != c.kept || dropped != c.dropped {
			t.Errorf("%s: %d bytes are kept, and %d are not", name, len(kept), dropped)
		}
	}
}
