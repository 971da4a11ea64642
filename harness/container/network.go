//go:build linux

package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// createNetwork makes a rack's network on the first of these subnets that no
// other network has. Only the engine knows which those are, and others draw at
// the same time.
func (r *Runtime) createNetwork(ctx context.Context, name string, labels func() map[string]string, among []netip.Prefix) (netip.Prefix, error) {
	making, cancel := unbroken(ctx)
	defer cancel()
	var last error
	for _, subnet := range among {
		if ctx.Err() != nil {
			return netip.Prefix{}, context.Cause(ctx)
		}
		//nolint:staticcheck // what replaces it takes no name and asks the engine of its own choice
		request := testcontainers.NetworkRequest{
			Name: name, Driver: testcontainers.Bridge, Labels: labels(),
			IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet, Gateway: nth(subnet, 1)}}},
		}
		//nolint:staticcheck // likewise
		_, last = r.provider.CreateNetwork(making, request)
		if last == nil {
			return subnet, nil
		}
		if !strings.Contains(strings.ToLower(last.Error()), "overlap") {
			break
		}
	}
	return netip.Prefix{}, fmt.Errorf("make the network %s: %w", name, last)
}

// leavingLimit bounds how long a network is waited for that containers are
// still leaving, which the engine sees to after it has removed them.
const (
	leavingLimit    = 10 * time.Second
	leavingInterval = 50 * time.Millisecond
)

// removeNetwork removes a network, and is nil if there is none.
func (e *engine) removeNetwork(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, leavingLimit)
	defer cancel()
	again := time.NewTicker(leavingInterval)
	defer again.Stop()
	for {
		_, err := e.api.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if !strings.Contains(err.Error(), "active endpoints") {
			return fmt.Errorf("remove the network %s: %w", name, err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("remove the network %s: %w", name, errors.Join(err, ctx.Err()))
		}
	}
}
