package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	ours, err := authority.IssueClient(d.commonName(), now)
	if err != nil {
		return err
	}
	d.authority = authority
	if d.scenario.Given.Auth {
		nobodys, err := authority.IssueClient("firedrill", now)
		if err != nil {
			return err
		}
		if d.appTLS, err = authority.ClientConfig(nobodys); err != nil {
			return err
		}
	}
	d.tls, err = authority.ClientConfig(ours)
	return err
}

// issueTo makes a host's certificates and puts them on its disk. They are good
// for the addresses by which other hosts, and we, reach its etcd.
func (d *drill) issueTo(ctx context.Context, h harness.Host) error {
	if d.authority == nil {
		return nil
	}
	return d.issue(ctx, d.authority, h)
}

func (d *drill) issue(ctx context.Context, by *pki.Authority, h harness.Host) error {
	reached, _, err := net.SplitHostPort(h.ClientAddress())
	if err != nil {
		return fmt.Errorf("issue certificates to %s: %w", h.Name(), err)
	}
	at := d.scenario.Given.TLS
	files := []pki.File{pki.NewFile(at.CA, by.CertPEM())}
	pairs := []struct{ cert, key string }{{at.Cert, at.Key}, {at.PeerCert, at.PeerKey}}
	for _, pair := range slices.Compact(pairs) {
		// On loopback a host dials its peers from 127.0.0.1, whatever its own address.
		issued, err := by.Issue(h.Name(), time.Now(), h.PeerAddress(), reached, "127.0.0.1")
		if err != nil {
			return err
		}
		files = append(files, pki.NewFile(pair.cert, issued.CertPEM()), pki.NewFile(pair.key, issued.KeyPEM()))
	}
	if at.ClientCert != "" {
		issued, err := by.IssueClient(root, time.Now())
		if err != nil {
			return err
		}
		files = append(files, pki.NewFile(at.ClientCert, issued.CertPEM()), pki.NewFile(at.ClientKey, issued.KeyPEM()))
	}
	for _, f := range files {
		if err := h.Upload(ctx, f.Path, f.Mode, bytes.NewReader(f.Data())); err != nil {
			return err
		}
	}
	return nil
}

// keepBundle keeps the cluster's authority where backups are kept, as RKE does:
// whoever restores makes the hosts' certificates anew with it.
func (d *drill) keepBundle(ctx context.Context) (err error) {
	name, at := d.scenario.Backups.Bundle, d.scenario.Given.TLS
	if name == "" {
		return nil
	}
	file := filepath.Join(d.archive.scratch, name)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the bundle of certificates: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	err = pki.WriteBundle(f, []pki.File{
		pki.NewFile(inBundle(at.CA), d.authority.CertPEM()), pki.NewFile(inBundle(at.CAKey), d.authority.KeyPEM()),
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	d.bundle, err = d.archive.keep(ctx, name, file)
	return err
}

// inBundle is the path in a bundle of what lies at a path on hosts.
func inBundle(path string) string { return strings.TrimPrefix(path, "/") }

// readBundle reads a bundle of ours; one that is no plain one is ErrNoBackup.
func readBundle(path string) ([]pki.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files, err := pki.ReadBundle(f)
	if errors.Is(err, pki.ErrBundle) {
		return nil, fmt.Errorf("%w: %w", harness.ErrNoBackup, err)
	}
	return files, err
}

// authorityOf reads the authority out of a bundle.
func (d *drill) authorityOf(bundle io.Reader) (*pki.Authority, error) {
	files, err := pki.ReadBundle(bundle)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", harness.ErrNoBackup, err)
	}
	content := map[string][]byte{}
	for _, f := range files {
		content[f.Path] = f.Data()
	}
	at := d.scenario.Given.TLS
	authority, err := pki.Load(content[inBundle(at.CA)], content[inBundle(at.CAKey)])
	if err != nil {
		return nil, fmt.Errorf("%w: the bundle's %s: %w", harness.ErrNoBackup, at.CA, err)
	}
	return authority, nil
}
