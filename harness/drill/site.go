package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// site is what the procedure gets: harness.Site, and nothing that leads to the
// ledger.
type site struct{ d *drill }

// errMistake is wrapped by what a procedure asked for and no site could do: the
// procedure's failure, not the harness's.
var errMistake = errors.New("the procedure asks for what cannot be")

// Provision orders a new host. Its etcd runs with the flags that every host was
// born with until a step writes others.
func (s site) Provision(ctx context.Context, name string) error {
	if !harness.ValidHostName(name) {
		return fmt.Errorf("%w: order host %q: a name is lower-case letters, digits and -", errMistake, name)
	}
	if h := s.d.host(name); h != nil {
		return fmt.Errorf("%w: order host %s: there is one of that name", errMistake, name)
	}
	if err := s.d.provisionHost(ctx, name); err != nil {
		return err
	}
	flags := s.d.bornFlags(name)
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.desk.Flags[name] = flags
	return nil
}

// Fetch puts the newest backup that verifies on a host, or one that is back
// places older. Backups are verified again as they are read: one that is damaged
// by now is passed over as an operator would, one that cannot be read is not.
// Whatever was looked at is evidence, with what it took.
func (s site) Fetch(ctx context.Context, on harness.Host, path string, back int) (string, error) {
	taken, err := s.d.backups.newestFirst()
	if err != nil {
		return "", err
	}
	passed := ""
	for _, b := range taken {
		record := harness.FetchRecord{Backup: b.Name, Host: on.Name(), At: s.d.timeline.now()}
		file, done, err := s.d.archive.backup(ctx, b, &record)
		if err == nil && back == 0 {
			carried := time.Now()
			err = s.upload(ctx, on, path, file)
			record.Carry, record.Brought = time.Since(carried), err == nil
		}
		done()
		s.d.fetched(record)
		switch {
		case errors.Is(err, errUnfit):
			passed += fmt.Sprintf("passed over %s: %v\n", b.Name, err)
		case err != nil:
			return "", err
		case back > 0:
			back--
		default:
			return passed + fmt.Sprintf("%s: hash %x, revision %d, total keys %d, total size %d", b.Name, b.Hash, b.Revision, b.Keys, b.Size), nil
		}
	}
	return "", fmt.Errorf("%sin %s there is %w that is old enough: %d were taken", passed, s.d.archive.store, harness.ErrNoBackup, len(taken))
}

// fetched records a backup that was looked at; several hosts fetch at once.
func (d *drill) fetched(record harness.FetchRecord) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ev.Fetches = append(d.ev.Fetches, record)
}

func (s site) upload(ctx context.Context, on harness.Host, path, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	err = on.Upload(ctx, path, 0o600, f)
	s.d.noteLost(on, err)
	return err
}

// FetchBundle puts the bundle of certificates on a host, if it is a plain one.
func (s site) FetchBundle(ctx context.Context, on harness.Host, path string) (string, error) {
	name := s.d.scenario.Backups.Bundle
	if name == "" {
		return "", fmt.Errorf("%w: this site keeps no bundle of certificates", harness.ErrNoBackup)
	}
	file, done, err := s.d.archive.fetch(ctx, name, s.d.bundle, on.Name())
	if errors.Is(err, errUnfit) {
		return "", fmt.Errorf("%w: %w", harness.ErrNoBackup, err)
	}
	if err != nil {
		return "", err
	}
	defer done()
	files, err := readBundle(file)
	if err != nil {
		return "", err
	}
	if err := s.upload(ctx, on, path, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s", name, countOf(len(files), "file")), nil
}

// Certify gives a host certificates of the authority in a bundle that lies on it.
func (s site) Certify(ctx context.Context, on harness.Host, path string) (string, error) {
	var text bytes.Buffer
	if err := on.Download(ctx, path, &text); err != nil {
		s.d.noteLost(on, err)
		return "", err
	}
	authority, err := s.d.authorityOf(&text)
	if err != nil {
		return "", err
	}
	if err := s.d.issue(ctx, authority, on); err != nil {
		s.d.noteLost(on, err)
		return "", err
	}
	return "certificates of the bundle's authority: " + s.d.scenario.Given.TLS.CA + ", " + s.d.scenario.Given.TLS.Cert, nil
}

// newestFirst lists the backups that are kept.
func (j *backupJob) newestFirst() ([]harness.Backup, error) {
	if j == nil {
		return nil, fmt.Errorf("%w: this site takes no backups", harness.ErrNoBackup)
	}
	kept := slices.DeleteFunc(j.list(), func(b harness.Backup) bool { return !b.KeptAt(j.d.timeline.now()) })
	slices.Reverse(kept)
	return kept, nil
}

// Announce points all clients at these hosts: those that there are, and those to
// come.
func (s site) Announce(_ context.Context, hosts []string) error {
	var endpoints []string
	for _, name := range hosts {
		h := s.d.host(name)
		if h == nil {
			return fmt.Errorf("%w: announce %s: there is no such host", errMistake, name)
		}
		endpoints = append(endpoints, h.ClientAddress())
	}
	if s.d.traffic != nil {
		if err := s.d.traffic.Announce(endpoints); err != nil {
			return err
		}
	}
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.ev.Procedure.Announced = hosts
	return nil
}

// RestartClients restarts the components that long-lived clients stand for.
func (s site) RestartClients(ctx context.Context) error { return s.d.traffic.RestartCaches(ctx) }

// Select resolves a selector against the hosts that are present; who leads is
// what a member says of itself.
func (d *drill) Select(ctx context.Context, who harness.Selector) ([]harness.Host, error) {
	return d.selectAmong(ctx, d.present(), who)
}

func (d *drill) selectAmong(ctx context.Context, hosts []harness.Host, who harness.Selector) ([]harness.Host, error) {
	names := make([]string, 0, len(hosts))
	byName := map[string]harness.Host{}
	for _, h := range hosts {
		names = append(names, h.Name())
		byName[h.Name()] = h
	}
	leader := ""
	if who.NeedsLeader() {
		for _, v := range observe.Members(ctx, d.targetsOf(hosts)) {
			if v.Error == "" && v.Leader != 0 && v.Leader == v.MemberID {
				leader = v.Host
			}
		}
	}
	selected, err := who.Select(names, leader)
	if err != nil {
		return nil, err
	}
	out := make([]harness.Host, 0, len(selected))
	for _, name := range selected {
		out = append(out, byName[name])
	}
	return out, nil
}

// Render renders a text for the host that it runs on ("" at the desk), from what
// is noted down on the desk.
func (d *drill) Render(text, on string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.desk.Render(text, on)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
