package gameday

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

const localhost = "127.0.0.1"

// splitAddress is where to listen, as net.Listen wants it.
func splitAddress(address string) (host, port string, err error) {
	if address == "" {
		return localhost, "0", nil
	}
	host, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("open the game day's pages at %q: %w\nhint: an address is host:port, 127.0.0.1:8080 say, or :8080 for that port on loopback", address, err)
	}
	if host == "" {
		host = localhost
	}
	return host, port, nil
}

// CanListen tells, before a cluster is made and not after, whether Listen could listen at
// an address.
func CanListen(ctx context.Context, address string) error {
	listener, _, err := listenAt(ctx, address)
	if err != nil {
		return err
	}
	return listener.Close()
}

// listenAt listens at an address, and tells the host that it means.
func listenAt(ctx context.Context, address string) (l net.Listener, host string, err error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, "", err
	}
	l, err = new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, "", fmt.Errorf("open the game day's pages at %s: %w\nhint: name another address; port 0 is any that is free", address, err)
	}
	return l, host, nil
}

// hostNames are the names by which a server is reached.
type hostNames struct {
	loopback bool   // nobody else can reach it
	given    string // the host that it was to listen at
	shown    string // the host in its URLs
	port     string
}

func namesOf(given string, bound net.Addr) hostNames {
	n := hostNames{given: given, shown: given}
	at, err := netip.ParseAddrPort(bound.String())
	if err != nil {
		return n // no TCP address has this form: it is taken for one that everybody reaches
	}
	n.port = fmt.Sprint(at.Port())
	n.loopback = at.Addr().Unmap().IsLoopback()
	if at.Addr().IsUnspecified() {
		n.shown = outwards()
	}
	return n
}

// outwards is this machine's address as others have it, as far as it can tell.
func outwards() string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return localhost
	}
	found := ""
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil || !prefix.Addr().IsGlobalUnicast() {
			continue
		}
		if prefix.Addr().Unmap().Is4() {
			return prefix.Addr().String()
		}
		if found == "" {
			found = prefix.Addr().String()
		}
	}
	if found == "" {
		return localhost
	}
	return found
}

// address is host:port, for a URL.
func (n hostNames) address() string { return net.JoinHostPort(n.shown, n.port) }

// mine tells whether a request was sent to a name of this server. On loopback a page
// of somebody else's, whose name they had resolve to 127.0.0.1, would otherwise be of
// one origin with ours, and could read and press whatever is there. Elsewhere every
// page demands a token that no such name is sent. The port is not looked at, since
// people forward ports.
func (n hostNames) mine(r *http.Request) bool {
	if !n.loopback {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
	if host == "localhost" || host == strings.ToLower(n.given) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
