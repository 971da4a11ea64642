package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
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
func (s site) Fetch(ctx context.Context, on harness.Host, path string, back int) (string, error) {
	taken, err := s.d.backups.newestFirst()
	if err != nil {
		return "", err
	}
	for _, b := range taken {
		file := filepath.Join(s.d.dir, backupsDir, b.Name)
		_, err := dataset.Verify(ctx, file)
		if errors.Is(err, dataset.ErrDamaged) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("verify backup %s: %w", b.Name, err)
		}
		if back > 0 {
			back--
			continue
		}
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		if err := on.Upload(ctx, path, 0o600, f); err != nil {
			s.d.noteLost(on, err)
			return "", err
		}
		return fmt.Sprintf("%s: hash %x, revision %d, total keys %d, total size %d", b.Name, b.Hash, b.Revision, b.Keys, b.Size), nil
	}
	return "", fmt.Errorf("%w is old enough: %d were taken", harness.ErrNoBackup, len(taken))
}

// newestFirst lists the verified backups.
func (j *backupJob) newestFirst() ([]harness.Backup, error) {
	if j == nil {
		return nil, fmt.Errorf("%w: this site takes no backups", harness.ErrNoBackup)
	}
	taken := j.list()
	var verified []harness.Backup
	for i := len(taken) - 1; i >= 0; i-- {
		if taken[i].Verified {
			verified = append(verified, taken[i])
		}
	}
	return verified, nil
}

// Announce points all clients at these hosts.
func (s site) Announce(_ context.Context, hosts []string) error {
	var endpoints []string
	for _, name := range hosts {
		h := s.d.host(name)
		if h == nil {
			return fmt.Errorf("%w: announce %s: there is no such host", errMistake, name)
		}
		endpoints = append(endpoints, h.ClientAddress())
	}
	if err := s.d.traffic.Announce(endpoints); err != nil {
		return err
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
	hosts := d.present()
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

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
