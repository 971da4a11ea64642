package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// DeadStayOut holds when the hosts that the recovery left behind, powered on again
// all at once with their old disks, are refused: none of them serves, and the
// recovered cluster goes on as it was. Otherwise it says what was measured: the
// old majority serves apart, or a member of the recovered cluster was captured. A
// member that was never removed serves in the recovered cluster.
//
// It applies where new hosts under new names take the place of the dead, who keep
// their disks. Where a procedure gives a new host the dead one's name, and with it
// the address, the two cannot be on at once, and nothing can come back.
type DeadStayOut struct{}

// The outcomes that DeadStayOut tells apart.
const (
	OutcomeRefused      = "refused"
	OutcomeRejoined     = "rejoined"      // one that is listed still
	OutcomeServingApart = "serving-apart" // the old majority, at its old addresses
	OutcomeHarmed       = "harmed"        // the recovered cluster, but no member of it was captured
	OutcomeCaptured     = "captured"      // a member of the recovered cluster
)

var powerOnTheDead = harness.TrialSpec{Name: "power-on-the-dead"}

// Name is dead-stay-out.
func (DeadStayOut) Name() string { return "dead-stay-out" }

// Claim says what Held affirms.
func (DeadStayOut) Claim() string {
	return "the dead, powered on again with their old disks, neither serve nor harm the recovered cluster"
}

// Needs is the trial power-on-the-dead.
func (DeadStayOut) Needs() []harness.TrialSpec { return []harness.TrialSpec{powerOnTheDead} }

// Judge looks for harm, the worst first: a member that was captured, other harm
// to the recovered cluster, the dead serving. That they were refused takes each of the
// dead to have said so, or to have ended.
func (DeadStayOut) Judge(ev *harness.Evidence) harness.Result {
	t, ok := ev.Trial(powerOnTheDead)
	if !ok {
		return notSeen("it was not tried: %s", t.Reason)
	}
	if t.Return == nil || len(t.Struck) == 0 {
		return notSeen("which of the dead were powered on is not recorded")
	}
	back := *t.Return
	prisoners := captured(ev, t, back)
	harm := slices.Concat(prisoners, harmed(t, back))
	silent := silenced(t, back)
	if ev.Machine.Unfit == "" {
		harm = append(harm, silent...)
	}
	apart := servedApart(back)
	switch {
	case len(prisoners) > 0:
		return withOutcome(OutcomeCaptured, violated(slices.Concat(harm, apart), "%s", harm[0]))
	case len(harm) > 0:
		return withOutcome(OutcomeHarmed, violated(slices.Concat(harm, apart), "%s", harm[0]))
	case len(apart) > 0 && rejoined(back):
		return withOutcome(OutcomeRejoined, violated(apart, "whoever came back is still a member of the recovered cluster: %s", strings.Join(apart, "; ")))
	case len(apart) > 0:
		apart = append(apart, deposed(t, back)...)
		return withOutcome(OutcomeServingApart, violated(apart, "the old majority serves apart at its old addresses: %s", strings.Join(apart, "; ")))
	}
	missing := slices.Concat(unheard(ev, t, back), unrefused(ev, t, back), silent)
	switch {
	case len(missing) > 0:
		return notSeen("not everybody was heard: %s", strings.Join(missing, "; "))
	case t.Sent < minimum:
		return notSeen("only %d writes were sent through the recovered cluster afterwards", t.Sent)
	case t.Acked < t.Sent && t.Acked > 0 && ev.Machine.Unfit != "":
		return notSeen("%d of %d writes were acknowledged in time, and the rest may be late by this machine's doing: %s", t.Acked, t.Sent, ev.Machine.Unfit)
	case t.Acked < t.Sent:
		return withOutcome(OutcomeHarmed, violated(t.Notes, "beside the dead %d of %d writes were acknowledged", t.Acked, t.Sent))
	}
	if wrong := readBack(t); wrong != nil {
		if wrong.Verdict == harness.Violated {
			return withOutcome(OutcomeHarmed, *wrong)
		}
		return *wrong
	}
	return withOutcome(OutcomeRefused, held("watched for %.1f s: %s; all %d writes were acknowledged beside them, and read back", back.Watched.Seconds(), refusals(back), t.Sent))
}

// withOutcome is a result with its outcome.
func withOutcome(outcome string, r harness.Result) harness.Result {
	r.Outcome = outcome
	return r
}

// rejoined tells whether each of the dead that served is one of the members that the
// recovered cluster listed before they came.
func rejoined(back harness.Return) bool {
	for _, d := range back.Dead {
		if d.Served && !slices.ContainsFunc(back.Before, func(v harness.MemberView) bool {
			return v.Error == "" && v.ClusterID == d.View.ClusterID && v.Lists(d.View.MemberID)
		}) {
			return false
		}
	}
	return slices.ContainsFunc(back.Dead, func(d harness.DeadHost) bool { return d.Served })
}

// captured says which members of the recovered cluster took part in another: whom
// they listed, whom they followed, and what they hold.
func captured(ev *harness.Evidence, t harness.TrialRecord, back harness.Return) (wrong []string) {
	for _, was := range back.Before {
		is, asked := viewOf(t.Told, was.Host)
		if was.Error == "" && asked && is.Error == "" && is.Membership() != was.Membership() {
			wrong = append(wrong, fmt.Sprintf("%s was captured: it lists %s, and before %s", was.Host, is.Membership(), was.Membership()))
		}
	}
	for _, f := range back.Followed {
		wrong = append(wrong, fmt.Sprintf("%s was captured: in term %d it followed %s, whom it does not list", f.Host, f.Term, nameOf(f.Leader, ev, back)))
	}
	for _, held := range back.Copies {
		if held.Foreign > 0 {
			wrong = append(wrong, fmt.Sprintf("%s was captured: it holds %d of the %d writes that the dead acknowledged", held.Host, held.Foreign, back.Acked))
		}
	}
	return wrong
}

// nameOf is the host of one of the dead by its member's ID, as it told it before
// the strike or when it was back.
func nameOf(member uint64, ev *harness.Evidence, back harness.Return) string {
	views := slices.Clone(ev.Before)
	for _, d := range back.Dead {
		views = append(views, d.View)
	}
	for _, v := range views {
		if v.Error == "" && v.MemberID == member {
			return fmt.Sprintf("%s (%016x)", v.Host, member)
		}
	}
	return fmt.Sprintf("%016x", member)
}

// silenced says which members no longer answer or serve, which on a machine too
// busy for figures may be its doing.
func silenced(t harness.TrialRecord, back harness.Return) (wrong []string) {
	for _, was := range back.Before {
		switch is, asked := viewOf(t.Told, was.Host); {
		case was.Error != "" || !asked:
		case is.Error != "":
			wrong = append(wrong, fmt.Sprintf("%s no longer answers: %s", was.Host, is.Error))
		case was.Serves && !is.Serves:
			wrong = append(wrong, fmt.Sprintf("%s no longer serves: %s", was.Host, is.ServeError))
		}
	}
	return wrong
}

// harmed says what else is not as it was before the dead came.
func harmed(t harness.TrialRecord, back harness.Return) (wrong []string) {
	for _, e := range t.Exits {
		wrong = append(wrong, fmt.Sprintf("beside the dead etcd on %s %s", e.Host, e.EtcdExit))
	}
	for _, held := range back.Copies {
		if held.Error == "" && held.Found < t.Acked {
			wrong = append(wrong, fmt.Sprintf("%s holds %d of the %d writes that the recovered cluster acknowledged beside the dead", held.Host, held.Found, t.Acked))
		}
	}
	return wrong
}

// servedApart says who of the dead served, and what.
func servedApart(back harness.Return) (wrong []string) {
	var served []string
	as := ""
	for _, d := range back.Dead {
		if d.Served {
			served, as = append(served, d.Host), d.View.Membership()
		}
	}
	if len(served) > 0 {
		wrong = append(wrong, fmt.Sprintf("%s answered linearizable reads, of %s", strings.Join(served, ", "), as))
	}
	if back.Acked > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of %d writes were acknowledged there, and %d found again", back.Acked, back.Sent, back.Found))
	}
	return wrong
}

// deposed says that the recovered cluster had to elect anew. By itself that is no
// harm: a busy machine does it too.
func deposed(t harness.TrialRecord, back harness.Return) []string {
	for _, was := range back.Before {
		if is, asked := viewOf(t.Told, was.Host); asked && is.Error == "" && was.Error == "" && is.Term > was.Term {
			return []string{fmt.Sprintf("meanwhile the recovered cluster elected a leader anew: from term %d to %d", was.Term, is.Term)}
		}
	}
	return nil
}

// unheard lists what of the recovered cluster was not seen.
func unheard(ev *harness.Evidence, t harness.TrialRecord, back harness.Return) (missing []string) {
	for _, host := range ev.Hosts {
		if was, asked := viewOf(back.Before, host); !asked || was.Error != "" || !was.Serves {
			missing = append(missing, host+" did not serve before the dead came")
		}
		if _, asked := viewOf(t.Told, host); !asked {
			missing = append(missing, host+" was not asked beside the dead")
		}
		at := slices.IndexFunc(back.Copies, func(c harness.Copy) bool { return c.Host == host })
		switch {
		case at < 0:
			missing = append(missing, "what "+host+" holds was not read")
		case back.Copies[at].Error != "":
			missing = append(missing, fmt.Sprintf("what %s holds could not be read: %s", host, back.Copies[at].Error))
		}
	}
	return missing
}

// unrefused lists the dead of whom it is not told that they were refused: each is
// one that was off, whose etcd was started, and which was expelled or answers that
// it knows no leader. On a machine too busy for figures one may yet be elected.
func unrefused(ev *harness.Evidence, t harness.TrialRecord, back harness.Return) (missing []string) {
	for _, host := range ev.BornHosts {
		if _, gone := ev.Gone[host]; !gone && !slices.Contains(ev.Hosts, host) && !slices.Contains(t.Struck, host) {
			missing = append(missing, host+" was not powered on")
		}
	}
	for _, host := range t.Struck {
		at := slices.IndexFunc(back.Dead, func(d harness.DeadHost) bool { return d.Host == host })
		switch {
		case at < 0 || back.Dead[at].Starts == 0:
			missing = append(missing, "etcd on "+host+" was not seen to start")
		case expelled(ev, back, back.Dead[at]):
		case back.Dead[at].Exits > 0:
			missing = append(missing, fmt.Sprintf("%s, which need not be a refusal", ending(back.Dead[at])))
		case back.Dead[at].View.Error != "":
			missing = append(missing, fmt.Sprintf("etcd on %s neither ended nor answered: %s", host, back.Dead[at].View.Error))
		case back.Dead[at].View.Leader != 0:
			missing = append(missing, fmt.Sprintf("%s does not serve, and yet it follows %016x", host, back.Dead[at].View.Leader))
		case ev.Machine.Unfit != "":
			missing = append(missing, fmt.Sprintf("%s knows no leader, which may be this machine's doing: %s", host, ev.Machine.Unfit))
		}
	}
	return missing
}

// expelled tells whether a member was told by the others that it is none: etcd
// then exits with status 0, and where it is started again it may end with 1 before
// it serves (both seen on 3.7.3). 1 has other causes too, so it counts only for one
// that the recovered cluster no longer lists. A panic (2) or a signal is none.
func expelled(ev *harness.Evidence, back harness.Return, d harness.DeadHost) bool {
	if d.Exits == 0 || d.Last == nil || d.Last.Signal != "" || d.View.Leader != 0 {
		return false
	}
	return d.Last.Code == 0 || d.Last.Code == 1 && unlisted(ev, back, d.Host)
}

// unlisted tells whether the member that a host had before the strike is known, and
// in no list of the recovered cluster.
func unlisted(ev *harness.Evidence, back harness.Return, host string) bool {
	was, asked := viewOf(ev.Before, host)
	if !asked || was.Error != "" || len(back.Before) == 0 {
		return false
	}
	return !slices.ContainsFunc(back.Before, func(v harness.MemberView) bool { return v.Error != "" || v.Lists(was.MemberID) })
}

// ending says how often the etcd of a dead host ended, and how.
func ending(d harness.DeadHost) string {
	text := fmt.Sprintf("etcd on %s ended %d times", d.Host, d.Exits)
	if d.Last != nil {
		text += ", and last " + d.Last.String()
	}
	return text
}

// refusals says how each of the dead was refused.
func refusals(back harness.Return) string {
	var list []string
	for _, d := range back.Dead {
		switch {
		case d.Exits > 0:
			list = append(list, ending(d))
		default:
			list = append(list, d.Host+" knows no leader")
		}
	}
	return strings.Join(list, ", ")
}
