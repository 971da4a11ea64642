package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// estate is what is reached through the bastion: what an on-call engineer has.
// Each call is a step of the drill, with whoever typed it.
type estate struct {
	site
	hand   *hand
	socket string // the bastion's
}

// Do carries out one call and records it.
func (e estate) Do(ctx context.Context, c bastion.Call, s harness.Streams) (code int, err error) {
	if c.By == bastion.ByCompletion && c.Verb == bastion.List { // a shell that looks up names, and nobody who types
		code, err = e.do(ctx, c, s)
		return code, e.concern(ctx, hostOf(c), err)
	}
	if c.By == "" {
		c.By = e.hand.name
	}
	host, shown := hostOf(c), e.shown(c)
	record := e.hand.step(c.By, host, summary(shown), typed(shown))
	e.hand.game.stepBegins(c, record)
	out, complaints := relay.Clip{Most: mostCallKept}, relay.Clip{Most: mostCallKept}
	outKept, complaintsKept := e.d.secrets.Writer(&out), e.d.secrets.Writer(&complaints)
	if tells(c.Verb) {
		s.Out = io.MultiWriter(s.Out, outKept)
	}
	s.Err = io.MultiWriter(s.Err, complaintsKept)
	fed := &heard{from: s.In}
	if c.Verb == bastion.Exec {
		s.In = fed
	}
	code, err = e.do(ctx, c, s)
	_, _ = outKept.Close(), complaintsKept.Close() // a Clip takes everything
	record.Took = e.d.timeline.now() - record.At
	record.Input, record.InputDropped = fed.kept()
	record.Input = e.d.secrets.Redact(record.Input)
	said, dropped := out.Kept()
	complained, more := complaints.Kept()
	record.Output = harness.Output{Stdout: string(said), Stderr: string(complained), Dropped: dropped + more, ExitCode: code, Duration: record.Took}
	if err != nil {
		record.Error = e.d.secrets.Redact(err.Error())
	}
	e.hand.game.stepEnds(c, record, int64(len(said))+dropped)
	if unkept := e.d.keep(record); unkept != nil {
		e.d.broke(breakage{err: unkept})
	}
	return code, e.concern(ctx, host, err)
}

// shown is a call as it is written down: without the secrets in it.
func (e estate) shown(c bastion.Call) bastion.Call {
	c.Args = slices.Clone(c.Args)
	for i, arg := range c.Args {
		c.Args[i] = e.d.secrets.Redact(arg)
	}
	if c.Verb == bastion.Exec {
		c.Args = bastion.MaskedCommand(c.Args)
	}
	return c
}

// mostCallKept is how many bytes of a call's output are kept of the beginning, and of
// the end: there may be thousands of calls.
const mostCallKept = 16 << 10

// tells says whether what a verb prints is for people to read. The rest are files, what a
// program has in its environment, where secrets are, and what is said to a tool.
func tells(verb string) bool {
	switch verb {
	case bastion.Get, bastion.GetTree, bastion.Backup, bastion.Bundle, bastion.Logs, bastion.Env, bastion.Tool:
		return false
	}
	return true
}

// broken is an error of the drill's own, in what an operator asked for.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// ours marks an error of the rack's or the archive's that is not of the operator's
// making.
func ours(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, errMistake) || errors.Is(err, errUnfit) || errors.Is(err, harness.ErrNoBackup) {
		return err
	}
	return broken{err}
}

// concern tells what is the operator's concern, a refusal, from what ends the drill.
func (e estate) concern(ctx context.Context, host string, err error) error {
	var own broken
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return err // nobody wants it any more
	case errors.Is(err, harness.ErrAgentLost), errors.As(err, &own):
		full := e.d.fullByHand(err)
		e.d.broke(breakage{host: host, err: err})
		if !full {
			return err
		}
	}
	return &bastion.Refusal{Err: withRoomFor(host, err)}
}

// host is a host that is there, on or off.
func (e estate) host(name string) (harness.Host, error) {
	h := e.d.host(name)
	switch {
	case h != nil:
		return h, nil
	case slices.Contains(e.d.everKnown(), name):
		return nil, fmt.Errorf("%s: %w\nhint: firedrill host new %s orders a new, clean one of that name", name, harness.ErrHostGone, name)
	}
	return nil, fmt.Errorf("%w: there is no host %s\nhint: firedrill host ls lists them", errMistake, name)
}

func (e estate) do(ctx context.Context, c bastion.Call, s harness.Streams) (int, error) {
	switch c.Verb {
	case bastion.List:
		return 0, bastion.PrintHosts(s.Out, e.list(ctx), c.Option())
	case bastion.New:
		return 0, e.order(ctx, c.Args)
	case bastion.Announce:
		return 0, e.hand.announce(ctx, c.Args)
	case bastion.RestartComponents:
		if e.d.traffic == nil {
			return 0, fmt.Errorf("%w: no client has begun yet, so there is none to restart", errMistake)
		}
		return 0, e.RestartClients(ctx)
	case bastion.Backups:
		return 0, e.backups(ctx, c, s.Out)
	case bastion.Backup:
		return 0, e.backup(ctx, c.Args[0], s.Out)
	case bastion.Bundle:
		return 0, e.bundle(ctx, s.Out)
	case bastion.Env:
		return 0, e.kit(ctx, c.By, s.Out)
	case bastion.Tool:
		return e.hand.tool(c.Args, s)
	case bastion.Join, bastion.Notice, bastion.Done, bastion.Leave, bastion.Resume, bastion.CallOff:
		return 0, fmt.Errorf("%w: this is no game day, and nobody takes part but the runbook", errMistake)
	}
	h, err := e.host(c.Args[0])
	if err != nil {
		return 0, err
	}
	if c.Verb == bastion.Exec {
		return e.exec(ctx, h, c.Args[1:], s)
	}
	return 0, e.on(ctx, h, c, s)
}

// on does what is no command to one host.
func (e estate) on(ctx context.Context, h harness.Host, c bastion.Call, s harness.Streams) error {
	switch c.Verb {
	case bastion.Put:
		return e.put(ctx, h, c.Args[1], c.Args[2], s.In)
	case bastion.PutTree:
		e.hand.writes(h.Name(), c.Args[1])
		return e.hand.wrote(h.Name(), h.UploadTree(ctx, c.Args[1], scan(s.In, func() { e.hand.keeps(h.Name(), c.Args[1], true) })))
	case bastion.Get:
		return h.Download(ctx, c.Args[1], s.Out)
	case bastion.GetTree:
		return h.DownloadTree(ctx, c.Args[1], s.Out)
	case bastion.Logs:
		return e.logs(ctx, h, c.Option(), s.Out)
	case bastion.Start:
		return e.start(ctx, h, c.Args[1:])
	case bastion.Stop:
		return e.stop(ctx, h)
	case bastion.Status:
		return bastion.PrintHost(s.Out, e.look(ctx, h), c.Option())
	case bastion.On:
		if err := e.d.power(h); err != nil {
			return err
		}
		return h.PowerOn(ctx)
	case bastion.Off:
		return h.PowerOff(ctx)
	case bastion.Reboot:
		if err := e.d.power(h); err != nil {
			return err
		}
		if err := h.PowerOff(ctx); err != nil {
			return err
		}
		return h.PowerOn(ctx)
	case bastion.Certify:
		text, err := e.Certify(ctx, h, c.Args[1])
		if err == nil {
			_, err = fmt.Fprintln(s.Out, text)
		}
		return err
	}
	return fmt.Errorf("the drill has no %s", c.Verb) // Check lets no other verb through
}

// order orders new hosts. A spare one is there already, and had by its name.
func (e estate) order(ctx context.Context, names []string) error {
	for _, name := range names {
		if e.hand.takes(name) {
			continue
		}
		if err := e.d.orderNew(ctx, name); err != nil {
			return ours(ctx, err)
		}
	}
	return nil
}

func (e estate) put(ctx context.Context, h harness.Host, path, mode string, content io.Reader) error {
	bits, err := bastion.ParseMode(mode)
	if err != nil {
		return err
	}
	begun := e.d.timeline.now()
	file := scan(content, func() {
		if path == harness.ManifestPath {
			e.hand.replaced()
			return
		}
		e.hand.keeps(h.Name(), path, true)
	}).also(manifests, func() { e.hand.keeps(h.Name(), path, false) })
	e.hand.writes(h.Name(), path)
	if err := h.Upload(ctx, path, bits, file); err != nil {
		return err
	}
	e.hand.brought(h.Name(), begun, file)
	return nil
}

// list tells of every host that there is, or was.
func (e estate) list(ctx context.Context) []bastion.Host {
	var all []bastion.Host
	for _, name := range e.d.everKnown() {
		h := e.d.host(name)
		if h == nil {
			all = append(all, bastion.Host{Name: name, Power: bastion.Gone})
			continue
		}
		all = append(all, e.look(ctx, h))
	}
	return all
}

// look tells of one host what its agent and its runtime tell.
func (e estate) look(ctx context.Context, h harness.Host) bastion.Host {
	e.d.mu.Lock()
	told := bastion.Host{Name: h.Name(), Power: bastion.PowerOn, PeerURL: e.d.desk.Peers[h.Name()], ClientURL: e.d.scenario.Given.TLS.Scheme() + "://" + h.ClientAddress()}
	e.d.mu.Unlock()
	state, err := h.Etcd(ctx)
	switch {
	case errors.Is(err, harness.ErrHostOff):
		told.Power = bastion.PowerOff
	case errors.Is(err, harness.ErrHostGone):
		told.Power = bastion.Gone
	case err != nil:
		e.d.noteLost(h, err)
	default:
		told.Etcd = bastion.EtcdOf(state)
	}
	return told
}

// logs prints what etcd wrote on a host since the machine came up, and with follow what
// it writes from now on. What a machine of that name wrote before is the drill's alone:
// it was lost with it, or is in a file on the host.
func (e estate) logs(ctx context.Context, h harness.Host, follow bool, to io.Writer) error {
	if _, err := h.Etcd(ctx); err != nil {
		return err // a host that is off tells nothing
	}
	log, err := e.d.logOf(h.Name())
	if err != nil {
		return ours(ctx, err)
	}
	f, err := os.Open(log.path())
	if err != nil {
		return ours(ctx, err)
	}
	defer f.Close()
	if _, err := f.Seek(log.sinceUp(), io.SeekStart); err != nil {
		return ours(ctx, err)
	}
	for {
		more := log.grown()
		if _, err := io.Copy(to, f); err != nil || !follow {
			return err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
	}
}

// backups lists the backups that are kept, the newest first, as they lie there now.
func (e estate) backups(ctx context.Context, c bastion.Call, to io.Writer) error {
	e.d.lookAtShelf(ctx)
	kept, err := e.d.shelved()
	if err != nil {
		return err // this site takes none
	}
	now := e.d.timeline.now()
	list := make([]bastion.KeptBackup, 0, len(kept))
	for _, b := range kept {
		list = append(list, bastion.KeptBackup{
			Name: b.Name, Age: now - b.Begun, Revision: b.Revision, Keys: b.Keys, Hash: fmt.Sprintf("%x", b.Hash), Bytes: b.Bytes, Unverified: !b.Verified,
			Changed: b.changed, Unseen: b.unseen,
		})
	}
	return bastion.PrintBackups(to, list, c.Option())
}

// backup writes one backup to whoever asks, verified once more. What is gone where backups
// are kept, or was changed there since the recovery began, is not to be had: that the drill
// has another copy is no help on a real day.
func (e estate) backup(ctx context.Context, name string, to io.Writer) error {
	kept, err := e.d.backups.newestFirst()
	if err != nil {
		return err
	}
	for _, b := range kept {
		if b.Name != name {
			continue
		}
		record := harness.FetchRecord{Backup: name, At: e.d.timeline.now()}
		if harm := e.d.harmed(ctx, name); harm != "" {
			record.Problem = harm
			e.d.fetched(record)
			return fmt.Errorf("%w: %s %s\nhint: it was whole when the recovery began, and what was done to it since is not undone", harness.ErrNoBackup, name, harm)
		}
		path, done, err := e.d.archive.backup(ctx, b, &record)
		if errors.Is(err, errUnfit) {
			e.d.fetched(record) // it was looked at, and passed over
		}
		if err != nil {
			return ours(ctx, err)
		}
		defer done()
		return pour(to, path)
	}
	return fmt.Errorf("%w of the name %s\nhint: firedrill backups lists them", harness.ErrNoBackup, name)
}

// kit writes down what whoever takes part by this name has in his environment by now.
// Once it has struck, the spare hosts are waited for.
func (e estate) kit(ctx context.Context, by string, to io.Writer) error {
	if g := e.hand.game; g != nil && g.isStruck() {
		select {
		case <-g.started:
		case <-g.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return json.NewEncoder(to).Encode(e.d.workplace.Kit(e.d.facts(ctx, e.d.workplace, e.socket, by)))
}

// bundle writes the bundle of certificates to whoever asks.
func (e estate) bundle(ctx context.Context, to io.Writer) error {
	name := e.d.scenario.Backups.Bundle
	if name == "" {
		return fmt.Errorf("%w: this site keeps no bundle of certificates", harness.ErrNoBackup)
	}
	path, done, err := e.d.archive.fetch(ctx, name, e.d.bundle, "desk")
	if err != nil {
		return ours(ctx, err)
	}
	defer done()
	return pour(to, path)
}

func pour(to io.Writer, path string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, f)
	return err
}
