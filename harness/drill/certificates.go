package drill

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/pki"
	"github.com/etcd-firedrill/firedrill/harness"
)

// certify makes the cluster's authority, and the certificate by which we
// ourselves are its client.
func (d *drill) certify() error {
	if d.scenario.Given.TLS == (harness.TLSFiles{}) {
		return nil
	}
	now := time.Now()
	authority, err := pki.New("etcd of "+d.id, now)
	if err != nil {
		return err
	}
	ours, err := authority.IssueClient("firedrill", now)
	if err != nil {
		return err
	}
	d.authority = authority
	d.tls, err = authority.ClientConfig(ours)
	return err
}

// issueTo makes a host's certificates and puts them on its disk. They are good
// for the addresses by which other hosts, and we, reach its etcd.
func (d *drill) issueTo(ctx context.Context, h harness.Host) error {
	if d.authority == nil {
		return nil
	}
	reached, _, err := net.SplitHostPort(h.ClientAddress())
	if err != nil {
		return fmt.Errorf("issue certificates to %s: %w", h.Name(), err)
	}
	at := d.scenario.Given.TLS
	files := []pki.File{pki.NewFile(at.CA, d.authority.CertPEM())}
	for _, pair := range []struct{ cert, key string }{{at.Cert, at.Key}, {at.PeerCert, at.PeerKey}} {
		// On loopback a host dials its peers from 127.0.0.1, whatever its own address.
		issued, err := d.authority.Issue(h.Name(), time.Now(), h.PeerAddress(), reached, "127.0.0.1")
		if err != nil {
			return err
		}
		files = append(files, pki.NewFile(pair.cert, issued.CertPEM()), pki.NewFile(pair.key, issued.KeyPEM()))
	}
	for _, f := range files {
		if err := h.Upload(ctx, f.Path, f.Mode, bytes.NewReader(f.Data())); err != nil {
			return err
		}
	}
	return nil
}
