//go:build linux

package container

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// routes renders a table as the kernel of this machine would.
func routes(prefixes ...string) string {
	native := func(a netip.Addr) string {
		return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(a.AsSlice()))
	}
	var b strings.Builder
	b.WriteString("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT   \n")
	for _, text := range prefixes {
		p := netip.MustParsePrefix(text)
		mask := address4(^uint32(0) << (32 - p.Bits()))
		fmt.Fprintf(&b, "eth0\t%s\t00000000\t0001\t0\t0\t0\t%s\t0\t0\t0\n", native(p.Addr()), native(mask))
	}
	return b.String()
}

func TestParseRoutes(t *testing.T) {
	for _, want := range [][]string{nil, {"0.0.0.0/0"}, {"0.0.0.0/0", "172.17.0.0/16", "10.1.2.3/32", "198.18.0.0/15"}} {
		got, err := parseRoutes(strings.NewReader(routes(want...)))
		if err != nil {
			t.Error(err)
		}
		var texts []string
		for _, r := range got {
			texts = append(texts, r.String())
		}
		if diff := cmp.Diff(want, texts); diff != "" {
			t.Error(diff)
		}
	}
	for _, bad := range []string{"h\nshort line", "h\na zz b c d e f 00000000", "h\na 00 b c d e f 00000000", "h\na 00000000 b c d e f 00FF00FF"} {
		if got, err := parseRoutes(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}

func FuzzParseRoutes(f *testing.F) {
	f.Add(routes("0.0.0.0/0", "172.17.0.0/16"))
	f.Add("h\na 00000000 b c d e f 00FF00FF")
	f.Fuzz(func(t *testing.T, table string) {
		got, err := parseRoutes(strings.NewReader(table))
		for _, r := range got {
			if err == nil && !r.IsValid() {
				t.Errorf("a route %v from %q", r, table)
			}
		}
	})
}

func TestLocalRoutes(t *testing.T) {
	if _, err := localRoutes("/proc/net/route"); err != nil {
		t.Error("this machine's own:", err)
	}
	if got, err := localRoutes(filepath.Join(t.TempDir(), "none")); err != nil || got != nil {
		t.Errorf("without a table: %v, %v", got, err)
	}
}

func TestOverlaps(t *testing.T) {
	subnet := netip.MustParsePrefix("198.18.4.64/26")
	for route, want := range map[string]bool{
		"0.0.0.0/0": false, "128.0.0.0/1": false, "198.0.0.0/8": true, "198.18.0.0/15": true,
		"198.18.4.70/32": true, "198.18.4.128/26": false, "10.0.0.0/8": false,
	} {
		if got := overlapsAny(subnet, []netip.Prefix{netip.MustParsePrefix(route)}); got != want {
			t.Errorf("a route to %s is in the way: %v", route, got)
		}
	}
}

func TestSubnets(t *testing.T) {
	seen := map[netip.Prefix]bool{}
	for range 1000 {
		s := randomSubnet()
		seen[s] = true
		first, last := nth(s, 1), nth(s, mostHosts+1)
		if s != s.Masked() || !subnets.Contains(s.Addr()) || !s.Contains(first) || !s.Contains(last) {
			t.Fatalf("%v with %v to %v", s, first, last)
		}
		// One further is the broadcast address, two further another's.
		if !s.Contains(last.Next()) || s.Contains(last.Next().Next()) {
			t.Fatalf("the last host of %v is %v", s, last)
		}
	}
	if len(seen) < 500 {
		t.Errorf("1,000 draws gave %d subnets", len(seen))
	}
}
