//go:build linux

package container

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
)

// Racks have subnets of 64 addresses out of 198.18.0.0/15, which RFC 2544 sets
// apart for tests of networks: unlike private ranges it is neither an engine's
// default nor an office's.
var subnets = netip.MustParsePrefix("198.18.0.0/15")

const (
	subnetBits = 26
	// mostHosts is what is left without the network's own, the gateway's and
	// the broadcast address.
	mostHosts = 1<<(32-subnetBits) - 3
	// subnetAttempts bounds the search among 2,048 subnets, drawn at random.
	subnetAttempts = 64
	// shortestRoute: wider routes lead everywhere, as a default route does, and say
	// nothing about who is there.
	shortestRoute = 8
)

func randomSubnet() netip.Prefix {
	base := binary.BigEndian.Uint32(subnets.Addr().AsSlice())
	n := rand.Uint32N(1 << (subnetBits - subnets.Bits()))
	return netip.PrefixFrom(address4(base+n<<(32-subnetBits)), subnetBits)
}

// nth returns an address of a subnet: the gateway is the first, hosts follow.
func nth(subnet netip.Prefix, n int) netip.Addr {
	return address4(binary.BigEndian.Uint32(subnet.Addr().AsSlice()) + uint32(n))
}

func address4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// freeSubnets draws subnets to which no route of this machine leads.
func freeSubnets() ([]netip.Prefix, error) {
	routes, err := localRoutes("/proc/net/route")
	if err != nil {
		return nil, fmt.Errorf("read the routes of this machine: %w", err)
	}
	var free []netip.Prefix
	for range subnetAttempts {
		if s := randomSubnet(); !overlapsAny(s, routes) {
			free = append(free, s)
		}
	}
	if len(free) == 0 {
		return nil, fmt.Errorf("find a subnet: routes of this machine cover %v\nhint: ip route shows them; stop what made them, or use --runtime process", subnets)
	}
	return free, nil
}

func overlapsAny(subnet netip.Prefix, routes []netip.Prefix) bool {
	for _, r := range routes {
		if r.Bits() >= shortestRoute && r.Overlaps(subnet) {
			return true
		}
	}
	return false
}

func localRoutes(path string) ([]netip.Prefix, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a kernel without IPv4; the engine will tell
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseRoutes(file)
}

// parseRoutes reads the kernel's table (proc_pid_net(5)): after a line of
// headings, destination and mask are columns 2 and 8, in hexadecimal digits of
// the machine's byte order.
func parseRoutes(r io.Reader) ([]netip.Prefix, error) {
	var routes []netip.Prefix
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		columns := strings.Fields(lines.Text())
		if n == 1 || len(columns) == 0 {
			continue
		}
		if len(columns) < 8 {
			return nil, fmt.Errorf("line %d has %d columns, not 8 or more", n, len(columns))
		}
		destination, err := parseHex4(columns[1])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		mask, err := parseHex4(columns[7])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		length := bits.LeadingZeros32(^mask)
		if mask<<length != 0 {
			return nil, fmt.Errorf("line %d: the mask %s has holes", n, columns[7])
		}
		routes = append(routes, netip.PrefixFrom(address4(destination), length))
	}
	return routes, lines.Err()
}

func parseHex4(text string) (uint32, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return 0, err
	}
	if len(raw) != 4 {
		return 0, fmt.Errorf("%q is no IPv4 address", text)
	}
	// The digits are of the number, the address is what that number is in memory.
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, binary.BigEndian.Uint32(raw))), nil
}
