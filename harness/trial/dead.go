package trial

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

const (
	// refusedPatience is how long the dead are given to serve or to do harm: they
	// need a start and an election, 1 to 3 s at default timings.
	refusedPatience = 10 * time.Second
	// apartPatience is how long they are watched once they serve: a leader sends
	// to everybody whom it lists every 100 ms.
	apartPatience = 3 * time.Second
	// strayPatience bounds the writes through the dead, and the reading of each
	// member afterwards.
	strayPatience = 3 * time.Second
	// watchPeriod is how often all are looked at. Two leaders who both take a member
	// for theirs have it in turn, for a second or less.
	watchPeriod = 50 * time.Millisecond
)

// PowerOnTheDead powers every host on, all at once, that is off with its old disk
// and was left behind by the recovery. It watches whether they serve, and what
// becomes of the recovered cluster, which it writes through afterwards.
type PowerOnTheDead struct{}

func (PowerOnTheDead) String() string { return "power the dead on again with their old disks" }

// Spec is power-on-the-dead.
func (PowerOnTheDead) Spec() harness.TrialSpec { return harness.TrialSpec{Name: "power-on-the-dead"} }

// Try powers them on and watches until a member of the recovered cluster was
// captured, or the dead have served for a while and harmed nobody, or patience
// ends.
func (t PowerOnTheDead) Try(ctx context.Context, r harness.Recovered) (harness.TrialRecord, error) {
	record := harness.TrialRecord{Spec: t.Spec()}
	living, err := r.Select(ctx, harness.Everyone)
	if err != nil {
		return record, err
	}
	dead := r.Dead(ctx)
	if len(dead) == 0 {
		record.Reason = "no host is off that the recovery left behind"
		return record, nil
	}
	back := &harness.Return{Before: r.Members(ctx)}
	before, err := states(ctx, living)
	if err != nil {
		return record, err
	}
	if err := powerOn(ctx, dead); err != nil {
		return record, err
	}
	record.Struck, record.Return = namesBut(dead), back
	w := watch{living: living, dead: dead, back: back, record: &record, served: map[string]bool{}}
	w.until(ctx, r)
	after, err := states(ctx, living)
	if err != nil {
		return record, err
	}
	for i, h := range living {
		if now := after[i]; now.Exits > before[i].Exits && now.LastExit != nil {
			record.Exits = append(record.Exits, harness.HostExit{Host: h.Name(), EtcdExit: *now.LastExit})
		}
	}
	writeThrough(ctx, r, &record, namesBut(living))
	w.copies(ctx, r)
	err = w.tell(ctx)
	record.Ran = err == nil
	return record, err
}

func powerOn(ctx context.Context, hosts []harness.Host) error {
	errs := make([]error, len(hosts))
	var wg crew.Crew
	for i, h := range hosts {
		wg.Go(func() { errs[i] = h.PowerOn(ctx) })
	}
	wg.Wait()
	failed := HostErrors{}
	for i, h := range hosts {
		if errs[i] != nil {
			failed[h.Name()] = errs[i]
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return failed
}

func states(ctx context.Context, hosts []harness.Host) ([]harness.EtcdState, error) {
	list := make([]harness.EtcdState, len(hosts))
	for i, h := range hosts {
		var err error
		if list[i], err = h.Etcd(ctx); err != nil {
			return nil, of(h, err)
		}
	}
	return list, nil
}

// watch is what is seen while the dead are back.
type watch struct {
	living, dead []harness.Host
	back         *harness.Return
	record       *harness.TrialRecord
	views        []harness.MemberView // of the dead, the last
	served       map[string]bool      // of the dead
}

// until looks at everybody until it is told what became of them. One that does not
// answer may yet be captured: only another membership, or a leader whom it does
// not list, is the end of it.
//
// The dead are looked at by themselves: one that waits for a quorum opens no port,
// and to wait for its answer would be to look away from the living.
func (w *watch) until(ctx context.Context, r harness.Recovered) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, refusedPatience)
	var dead crew.Crew
	defer dead.Wait()
	defer cancel()
	looks := make(chan []harness.MemberView)
	dead.Go(func() { look(ctx, r, w.dead, looks) })
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	var apart time.Time // since when the dead serve
	for {
		living := r.Look(ctx, w.living)
		w.back.Watched = time.Since(begun)
		if w.captured(living) || !apart.IsZero() && time.Since(apart) > apartPatience {
			return
		}
		select {
		case <-ctx.Done():
			return
		case w.views = <-looks:
			if w.serve() && apart.IsZero() {
				w.writeApart(ctx, r)
				apart = time.Now()
			}
		case <-tick.C:
		}
	}
}

// look looks at hosts again and again until ctx ends. What that cut short tells
// nothing, and is not sent.
func look(ctx context.Context, r harness.Recovered, hosts []harness.Host, looks chan<- []harness.MemberView) {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	for {
		views := r.Look(ctx, hosts)
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case looks <- views:
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// serve notes who of the dead serves, and tells whether anybody does.
func (w *watch) serve() (one bool) {
	for _, v := range w.views {
		w.served[v.Host] = w.served[v.Host] || v.Serves
		one = one || v.Serves
	}
	return one
}

// captured tells whether one of the recovered cluster's members lists others than
// before, or follows one whom it did not list, and writes the latter down: by the
// time that it is asked again its own leader may have it back.
func (w *watch) captured(now []harness.MemberView) (seen bool) {
	for _, is := range now {
		at := slices.IndexFunc(w.back.Before, func(was harness.MemberView) bool { return was.Host == is.Host })
		if at < 0 || is.Error != "" || w.back.Before[at].Error != "" {
			continue
		}
		was := w.back.Before[at]
		if is.Leader != 0 && !was.Lists(is.Leader) {
			w.back.Followed = append(w.back.Followed, harness.Following{Host: is.Host, Leader: is.Leader, Term: is.Term})
		}
		seen = seen || is.Membership() != was.Membership() || len(w.back.Followed) > 0
	}
	return seen
}

// writeApart writes through the dead alone.
func (w *watch) writeApart(ctx context.Context, r harness.Recovered) {
	ctx, cancel := context.WithTimeout(ctx, strayPatience)
	defer cancel()
	var err error
	w.back.Sent = writes
	if w.back.Acked, err = r.Write(ctx, w.below(), writes, namesBut(w.dead)); err == nil {
		w.back.Found, err = r.Read(ctx, w.below(), namesBut(w.dead))
	}
	if err != nil {
		w.record.Notes = append(w.record.Notes, "through the dead: "+err.Error())
	}
}

func (w *watch) below() string { return w.record.Spec.String() + "-old" }

// copies reads what each member of the recovered cluster holds by itself.
func (w *watch) copies(ctx context.Context, r harness.Recovered) {
	for _, h := range w.living {
		held := harness.Copy{Host: h.Name()}
		read, cancel := context.WithTimeout(ctx, strayPatience)
		var err error
		if held.Found, err = r.Read(read, w.record.Spec.String(), []string{h.Name()}); err == nil {
			held.Foreign, err = r.Read(read, w.below(), []string{h.Name()})
		}
		cancel()
		if err != nil {
			held.Error = err.Error()
		}
		w.back.Copies = append(w.back.Copies, held)
	}
}

// tell writes down what became of the dead.
func (w *watch) tell(ctx context.Context) error {
	now, err := states(ctx, w.dead)
	if err != nil {
		return fmt.Errorf("look at the dead: %w", err)
	}
	for i, h := range w.dead {
		view := harness.MemberView{Host: h.Name(), Error: "it was not heard while it was watched"}
		if w.views != nil {
			view = w.views[i]
		}
		w.back.Dead = append(w.back.Dead, harness.DeadHost{
			Host: h.Name(), Starts: now[i].Starts, Exits: now[i].Exits, Last: now[i].LastExit, Served: w.served[h.Name()], View: view,
		})
	}
	return nil
}
