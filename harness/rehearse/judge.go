package rehearse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// seen is what was seen and is not a figure of the report.
type seen struct {
	fetched   time.Duration       // when the file was there and verified
	none      bool                // there is no snapshot where it was looked for; unfit says so too
	unfit     string              // why it is no whole snapshot
	tooNew    string              // why the hosts' etcd cannot read it
	raised    bool                // restoring it was begun
	serving   bool                // every member came up and said what it was asked
	lastWords map[string][]string // by host: of an etcd that does not start
	unasked   map[string]string   // by host: why it let nobody ask
	unhashed  map[string]string   // by host: why it told no hash
	views     []harness.MemberView
	uncounted string // why there is no number of keys
	key       string // that was written first
	write     trial  // held: that was acknowledged, and no more
	undo      trial  // held: it was read back and deleted, and is gone on every member
	lost      string // host that was taken away, and what its member was
	loss      trial
}

// judge makes findings of what was seen. What was not seen is never a pass.
func judge(o Options, r reports.Rehearsal, s seen) []harness.Finding {
	findings := []harness.Finding{
		whole(r, s), readable(r, s), restored(r, s), serves(r, s), agree(r, s), hashes(r, s), unalarmed(r, s), writes(r, s),
	}
	if r.Members >= fewest {
		findings = append(findings, losesOne(r, s))
	}
	if o.MaxAge > 0 {
		findings = append(findings, young(o, r))
	}
	if o.RTO > 0 {
		findings = append(findings, inTime(o, r, s))
	}
	if o.MinKeys > 0 {
		findings = append(findings, enough(o, r, s))
	}
	if o.Revision > 0 {
		findings = append(findings, far(o, r, s))
	}
	return findings
}

func promise(check, claim string) harness.Finding {
	return harness.Finding{Check: check, Kind: harness.Promise, Claim: claim}
}

func found(f harness.Finding, v harness.Verdict, format string, args ...any) harness.Finding {
	f.Verdict, f.Detail = v, fmt.Sprintf(format, args...)
	return f
}

// before says why something was not tried: what failed before it. "" if nothing did.
func (s seen) before(r reports.Rehearsal) string {
	switch {
	case s.none:
		return "not tried: there is no snapshot"
	case s.unfit != "":
		return "not tried: the file is no whole snapshot"
	case s.tooNew != "":
		return "not tried: the hosts' etcd cannot read the file"
	case r.Snapshot == nil:
		return "not tried: what the file tells of itself was not read"
	case slices.ContainsFunc(r.Hosts, func(h reports.RehearsedHost) bool { return h.Restore == 0 }):
		return "not tried: the file was not restored on every host"
	}
	return ""
}

func whole(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("snapshot-whole", "The file is a whole etcd snapshot: the checksum at its end is that of its content.")
	if s.unfit != "" {
		return found(f, harness.Violated, "%s", s.unfit)
	}
	if s.fetched == 0 {
		return found(f, harness.Inconclusive, "it was not seen to be fetched and verified")
	}
	return found(f, harness.Held, "%d bytes, and the checksum at their end is right", r.Source.Bytes)
}

func readable(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("format-known", "The file is of no newer version of etcd than the hosts'.")
	switch {
	case s.unfit != "":
		return found(f, harness.Inconclusive, "%s", s.before(r))
	case s.tooNew != "":
		return found(f, harness.Violated, "%s", s.tooNew)
	case r.Snapshot == nil:
		return found(f, harness.Inconclusive, "%s", s.before(r))
	case r.Snapshot.StorageVersion == "" && above(r.Snapshot.ClusterVersion, r.EtcdVersion):
		return found(f, harness.Inconclusive, "it tells no storage version; its cluster was of etcd %s, the hosts' is %s", r.Snapshot.ClusterVersion, r.EtcdVersion)
	case r.Snapshot.StorageVersion == "":
		return found(f, harness.Held, "it tells no storage version, as before etcd 3.6; the hosts' etcd is %s", r.EtcdVersion)
	}
	if _, known := newer(r.Snapshot.StorageVersion, r.EtcdVersion); !known {
		return found(f, harness.Inconclusive, "its storage version is %s, the hosts' etcd %s: which is newer cannot be told", escaped(r.Snapshot.StorageVersion), r.EtcdVersion)
	}
	return found(f, harness.Held, "its storage version is %s, the hosts' etcd %s", r.Snapshot.StorageVersion, r.EtcdVersion)
}

func restored(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("restored-everywhere", "etcdutl snapshot restore succeeds on every host.")
	if s.unfit != "" || s.tooNew != "" {
		return found(f, harness.Inconclusive, "%s", s.before(r))
	}
	for _, h := range r.Hosts {
		if h.Restore == 0 && h.Problem != "" {
			f.Offending = append(f.Offending, h.Host+": "+h.Problem)
		}
	}
	if len(f.Offending) > 0 {
		return found(f, harness.Violated, "it failed on %s", hostCount(len(f.Offending)))
	}
	if s.before(r) != "" || len(r.Hosts) < r.Members {
		return found(f, harness.Inconclusive, "it was not seen to end on every host")
	}
	return found(f, harness.Held, "on %s at once, in %d ms where it took longest", hostCount(len(r.Hosts)), r.Phases.Restore)
}

func serves(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("members-serve", "Every member starts from what was restored and serves linearizable reads.")
	if why := s.before(r); why != "" {
		return found(f, harness.Inconclusive, "%s", why)
	}
	for _, h := range r.Hosts {
		if h.Problem != "" {
			f.Offending = append(f.Offending, h.Host+": "+h.Problem)
			for _, line := range s.lastWords[h.Host] {
				f.Offending = append(f.Offending, h.Host+" logged: "+line)
			}
		}
	}
	switch {
	case len(f.Offending) > 0:
		return found(f, harness.Violated, "not every member does")
	case wantsUser(r) && len(s.views) == 0:
		return found(f, harness.Inconclusive, "every member answers that it wants to know who asks")
	case !s.serving || len(r.Hosts) < r.Members:
		return found(f, harness.Inconclusive, "not every member was seen to serve%s", because(r, s.unasked))
	}
	for _, v := range s.views {
		if v.Error == "" && !v.Serves && !wantsUser(r) { // not every user may read
			return found(f, harness.Inconclusive, "%s served, and did not when it was asked again: %s", v.Host, v.ServeError)
		}
	}
	return found(f, harness.Held, "all %d do", len(r.Hosts))
}

// because is the first host's reason, after a colon.
func because(r reports.Rehearsal, why map[string]string) string {
	for _, h := range r.Hosts {
		if why[h.Host] != "" {
			return ": " + h.Host + ": " + why[h.Host]
		}
	}
	return ""
}

// wantsUser tells that the snapshot has authentication, and nobody was allowed to
// look.
func wantsUser(r reports.Rehearsal) bool { return r.Snapshot != nil && r.Snapshot.Auth }

const asUser = "; --user NAME:PASSWORD asks as a user of the snapshot's, and root may ask for all"

func agree(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("members-agree", "Every member tells the same cluster ID and lists the same members: those of the throw-away cluster, and no other.")
	switch why := s.before(r); {
	case why != "":
		return found(f, harness.Inconclusive, "%s", why)
	case wantsUser(r) && len(s.views) == 0:
		return found(f, harness.Inconclusive, "the members were not asked: the snapshot has authentication%s", asUser)
	case len(s.views) < r.Members:
		return found(f, harness.Inconclusive, "not every member was asked")
	}
	first := s.views[0]
	asked := map[uint64]string{} // host by member ID
	for _, v := range s.views {
		switch other, twice := asked[v.MemberID]; {
		case v.Error != "":
			return found(f, harness.Inconclusive, "%s did not tell: %s", v.Host, v.Error)
		case len(v.Members) != r.Members, v.Membership() != first.Membership():
			f.Offending = append(f.Offending, v.Host+" tells "+v.Membership())
		case !first.Lists(v.MemberID):
			f.Offending = append(f.Offending, fmt.Sprintf("%s is %016x, which nobody lists", v.Host, v.MemberID))
		case twice:
			f.Offending = append(f.Offending, fmt.Sprintf("%s and %s are both %016x", other, v.Host, v.MemberID))
		}
		asked[v.MemberID] = v.Host
		for _, m := range v.Members {
			if m.Learner {
				f.Offending = append(f.Offending, fmt.Sprintf("%s tells that %s is a learner", v.Host, m.Name))
			}
		}
	}
	if len(f.Offending) > 0 {
		return found(f, harness.Violated, "not all tell, and are, %s", first.Membership())
	}
	return found(f, harness.Held, "all list %s", first.Membership())
}

func hashes(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("hashes-equal", "Every member holds the same at the snapshot's revision, by HashKV.")
	if why := s.before(r); why != "" {
		return found(f, harness.Inconclusive, "%s", why)
	}
	missing := ""
	for _, h := range r.Hosts {
		switch {
		case h.Hash == "":
			missing = h.Host
		case h.Hash != r.Hosts[0].Hash || h.Compact != r.Hosts[0].Compact:
			f.Offending = append(f.Offending, fmt.Sprintf("%s: %s above revision %d; %s: %s above revision %d",
				r.Hosts[0].Host, r.Hosts[0].Hash, r.Hosts[0].Compact, h.Host, h.Hash, h.Compact))
		}
	}
	switch {
	case missing == "" && len(f.Offending) > 0:
		return found(f, harness.Violated, "at revision %d the hashes differ", r.Snapshot.Revision)
	case missing != "" && wantsUser(r):
		return found(f, harness.Inconclusive, "%s told no hash: the snapshot has authentication%s%s", missing, because(r, s.unhashed), asUser)
	case missing != "" || len(r.Hosts) < r.Members:
		return found(f, harness.Inconclusive, "%s told no hash%s", orNobody(missing), because(r, s.unhashed))
	}
	return found(f, harness.Held, "%s at revision %d, %d of %d members", r.Hosts[0].Hash, r.Snapshot.Revision, len(r.Hosts), r.Members)
}

func orNobody(host string) string {
	if host == "" {
		return "nobody"
	}
	return host
}

func unalarmed(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("no-alarm", "No member raises an alarm.")
	switch why := s.before(r); {
	case why != "":
		return found(f, harness.Inconclusive, "%s", why)
	case len(r.Snapshot.Alarms) > 0: // it is restored with all else
		return found(f, harness.Violated, "the snapshot carries %s, which members refuse writes for: repair the cluster that it was taken of (defragment or raise the quota, etcdctl alarm disarm), and take another", strings.Join(r.Snapshot.Alarms, " and "))
	case len(s.views) < r.Members:
		return found(f, harness.Inconclusive, "the file holds none; not every member was asked")
	}
	for _, v := range s.views {
		if v.Error != "" {
			return found(f, harness.Inconclusive, "%s did not tell: %s", v.Host, v.Error)
		}
		for _, a := range v.Alarms {
			f.Offending = append(f.Offending, v.Host+": "+a)
		}
	}
	if len(f.Offending) > 0 {
		return found(f, harness.Violated, "there are alarms")
	}
	return found(f, harness.Held, "none, on any of %d members", len(s.views))
}

func writes(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("takes-writes", "The cluster takes a write, every member applies it, and it is gone once deleted.")
	if why := s.before(r); why != "" {
		return found(f, harness.Inconclusive, "%s", why)
	}
	switch w, u := s.write, s.undo; {
	case u.held:
		return found(f, harness.Held, "a key of ours was put, %s after the file was fetched, read back, deleted again, and is gone on every member", seconds(r.Phases.FirstAck))
	case w.refused != "":
		return found(f, harness.Inconclusive, "nobody was let write: %s%s", w.refused, asUser)
	case u.refused != "":
		return found(f, harness.Inconclusive, "a write was acknowledged, and whoever did it was not let go on: %s%s", u.refused, asUser)
	case w.failed != "" || u.failed != "":
		return found(f, harness.Violated, "%s", w.failed+u.failed)
	case w.held:
		return found(f, harness.Inconclusive, "a write was acknowledged, and not read back: not every member was seen to serve")
	}
	return found(f, harness.Inconclusive, "not tried: not every member was seen to serve")
}

func losesOne(r reports.Rehearsal, s seen) harness.Finding {
	f := promise("survives-member-loss", "Writes go on when one member is lost for good.")
	if why := s.before(r); why != "" {
		return found(f, harness.Inconclusive, "%s", why)
	}
	switch l := s.loss; {
	case l.held:
		return found(f, harness.Held, "%s was powered off; the next write was acknowledged %s later", s.lost, seconds(r.Phases.MemberLoss))
	case l.refused != "":
		return found(f, harness.Inconclusive, "without %s nobody was let write: %s%s", s.lost, l.refused, asUser)
	case l.failed != "":
		return found(f, harness.Violated, "without %s: %s", s.lost, l.failed)
	}
	if !s.serving {
		return found(f, harness.Inconclusive, "not tried: not every member was seen to serve")
	}
	return found(f, harness.Inconclusive, "not tried: no write went on that could stop")
}

// ahead is by how much a file's time may lie before our own clock's and still be
// taken for now.
const ahead = 5 * time.Minute

func young(o Options, r reports.Rehearsal) harness.Finding {
	f := promise("young-enough", "The snapshot was last modified no longer ago than --max-age; when it was taken nothing tells.")
	age, ok := r.Age()
	switch {
	case !ok:
		return found(f, harness.Inconclusive, "nothing tells when it was last modified")
	case age < -ahead:
		return found(f, harness.Inconclusive, "it was last modified at %s, which lies ahead: clocks differ", r.Source.Taken.Format(time.RFC3339))
	case age > o.MaxAge:
		return found(f, harness.Violated, "it was last modified %s ago, at %s; %s are allowed", rounded(age), r.Source.Taken.Format(time.RFC3339), o.MaxAge)
	}
	return found(f, harness.Held, "it was last modified %s ago, at %s; %s are allowed", rounded(max(age, 0)), r.Source.Taken.Format(time.RFC3339), o.MaxAge)
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Second) }

func inTime(o Options, r reports.Rehearsal, s seen) harness.Finding {
	f := promise("within-rto", "Every member serves, and holds the same, within --rto of the beginning of the fetch.")
	took := time.Duration(r.Phases.Recovered) * time.Millisecond
	switch {
	case took > o.RTO:
		return found(f, harness.Violated, "it took %s; %s are allowed", seconds(r.Phases.Recovered), o.RTO)
	case took > 0:
		return found(f, harness.Held, "it took %s; %s are allowed", seconds(r.Phases.Recovered), o.RTO)
	}
	// Whoever may not ask would not have seen it either.
	if had := time.Duration(r.Phases.Total) * time.Millisecond; s.raised && had > o.RTO && !wantsUser(r) {
		return found(f, harness.Violated, "not seen within %s: not after %s either", o.RTO, seconds(r.Phases.Total))
	}
	if why := s.before(r); why != "" {
		return found(f, harness.Inconclusive, "%s", why)
	}
	return found(f, harness.Inconclusive, "every member serving and holding the same was not seen")
}

func enough(o Options, r reports.Rehearsal, s seen) harness.Finding {
	f := promise("enough-keys", "There are at least --min-keys keys.")
	switch {
	case r.Keys != nil && *r.Keys < o.MinKeys:
		return found(f, harness.Violated, "there are %d; at least %d are expected", *r.Keys, o.MinKeys)
	case r.Keys != nil:
		return found(f, harness.Held, "there are %d; at least %d are expected", *r.Keys, o.MinKeys)
	case s.uncounted != "":
		return found(f, harness.Inconclusive, "they could not be counted: %s", s.uncounted)
	}
	if why := s.before(r); why != "" {
		return found(f, harness.Inconclusive, "%s", why)
	}
	return found(f, harness.Inconclusive, "they were not counted")
}

func far(o Options, r reports.Rehearsal, s seen) harness.Finding {
	f := promise("revision-reached", "The snapshot's revision is at least --expect-revision-at-least.")
	switch {
	case r.Snapshot == nil:
		return found(f, harness.Inconclusive, "%s", s.before(r))
	case r.Snapshot.Revision < o.Revision:
		return found(f, harness.Violated, "it is %d; at least %d is expected", r.Snapshot.Revision, o.Revision)
	}
	return found(f, harness.Held, "it is %d; at least %d is expected", r.Snapshot.Revision, o.Revision)
}

func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 3, 64) + " s" }

func hostCount(n int) string {
	if n == 1 {
		return "1 host"
	}
	return fmt.Sprintf("%d hosts", n)
}
