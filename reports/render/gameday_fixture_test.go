package render_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

func whole(ms int64) *int64 { return &ms }

// gameDay is the drill of restored, recovered by ann and bob: they notice late, are
// paused, wipe what they should have kept, are given a hint and one more fault, and
// restore from the newest backup in the end.
func gameDay() reports.Report {
	r := restored()
	r.Drill, r.Directory = "77aa01c9", "firedrill-runs/20261126T090000Z-etcd-snapshot-restore"
	r.Rerun = "firedrill gameday etcd-snapshot-restore --runtime process --seed 11"
	r.Procedure.Within = (30 * time.Minute).Milliseconds()
	r.Moments = map[string]int64{
		"provisioned": 410, "booted": 1890, "traffic-began": 1902, "steady-state-seen": 4120, "struck": 40140, "took-effect": 40610, "detected": 40655,
		"quorum-lost": 41310, "procedure-began": 40700, "fetched": 139800, "restored": 154700, "history-replaced": 147000, "procedure-ended": 182000,
		"redundant": 174200, "settled": 184100, "traffic-ended": 184200, "collected": 186000,
	}
	r.Faults = append(r.Faults, "power off m3")
	r.Strikes = []reports.Strike{
		{Fault: "lose the data directory", Hosts: []string{"m2", "m3"}, At: 40140, Took: 312},
		{Fault: "kill etcd", Hosts: []string{"m1"}, At: 40460, Took: 150},
		{Fault: "power off", By: "the facilitator", Hosts: []string{"m3"}, At: 128000, Took: 90},
	}
	r.Gaps = []reports.Gap{{From: 40135, To: 171290, MS: 131155, Cause: "lose the data directory"}, {From: 172100, To: 172700, MS: 600, Cause: "start etcd (m3)"}}
	r.Phases = reports.Phases{Detection: 515, Fetch: 99100, Restore: 114000, Outage: 131755, OutageSpan: 132565, Redundancy: 133500, FirstAck: 130590, Recovered: 131150}
	r.StockOutage = 133900
	r.Loss = &reports.Loss{AckedWrites: 10240, LostWrites: 6981, LostSpan: 28905, Cut: 4831}
	r.Backups[2].Problem, r.Backups[2].Kept = "", true
	r.Fetches = []reports.Fetch{{Backup: "20261125T201421Z.db", Host: "m1", At: 139000, Fetch: 700, Verify: 95, Bytes: 47 << 20}}
	upTo := func(from, to int64) reports.Span { return reports.Span{From: from, To: &to} }
	r.Tracks = []reports.Track{
		{Host: "m1", Power: []reports.Span{{From: 120}}, Etcd: []reports.Span{upTo(480, 40590), {From: 156300}}},
		{Host: "m2", Power: []reports.Span{{From: 130}}, Etcd: []reports.Span{upTo(500, 40440), {From: 168900}}},
		{Host: "m3", Power: []reports.Span{upTo(140, 128000), {From: 160400}}, Etcd: []reports.Span{upTo(510, 40440), {From: 172000}}},
	}
	const by, of = "ann", "bob"
	r.Steps = []reports.Step{
		typed(2, by, "", 22000, 30, 0, "firedrill host ls"),
		typed(3, by, "", 54410, 35, 0, "firedrill host ls"),
		typed(4, of, "m1", 56900, 40, 0, "firedrill host status m1"),
		typed(5, by, "m1", 58200, 5010, 1, "firedrill host exec m1 -- etcdctl endpoint status --cluster -w table"),
		typed(6, of, "m1", 71000, 1, 0, "firedrill host exec m1 -- rm -rf /var/lib/etcd/member"),
		typed(7, of, "m1", 101300, 62, 0, "firedrill host exec m1 -- rm -rf /var/lib/etcd/member"),
		typed(8, by, "m1", 139000, 800, 0, `firedrill host cp "$FIREDRILL_BACKUPS"/20261125T201421Z.db m1:/tmp/b.db`),
		typed(9, by, "m1", 147000, 1060, 0, "firedrill host exec m1 -- etcdutl snapshot restore /tmp/b.db --name m1 --initial-cluster \"$PEERS\" --initial-cluster-token again --initial-advertise-peer-urls \"$FIREDRILL_PEER_URL_m1\" --data-dir /var/lib/etcd"),
		typed(10, of, "m2", 151000, 1100, 0, "firedrill host exec m2 -- sh /tmp/restore.sh"),
		typed(11, of, "m3", 153600, 1100, 0, "firedrill host exec m3 -- sh /tmp/restore.sh"),
		typed(12, by, "m1", 156200, 90, 0, "firedrill host start m1"),
		typed(13, by, "m3", 160000, 420, 0, "firedrill host on m3"),
		typed(14, of, "m2", 168800, 95, 0, "firedrill host start m2"),
		typed(15, of, "m3", 171900, 91, 0, "firedrill host start m3"),
		typed(16, by, "", 173000, 20, 0, "firedrill announce m1 m2 m3"),
		{Number: 1, Name: "the team recovers", At: 40700, Took: 141300, Attempts: 1},
	}
	r.Steps[4].Error = "the exercise is paused by the facilitator"
	r.GameDay = &reports.GameDay{
		Surprise: true, Shells: []reports.Shell{{Name: by, Opened: 15200}, {Name: of, Opened: 16900, Closed: 176400}}, Alarm: 42900,
		Noticed: &reports.Deed{By: by, At: 54410}, Decided: &reports.Deed{By: of, At: 101300}, Ended: &reports.Deed{By: by, At: 182000},
		Detection: &reports.Time{Clock: 14270}, Decision: &reports.Time{Clock: 46890, LessPauses: whole(16890)},
		Recovery: &reports.Time{Clock: 131150, LessPauses: whole(101150)}, Redundancy: &reports.Time{Clock: 133500, LessPauses: whole(103500)},
		Pauses: []reports.Span{upTo(65000, 95000)}, Hints: []reports.Hint{{At: 118000, Text: "before you restart anything: which backup is the newest, and does it verify?"}},
		WrongMoves: []reports.WrongMove{{
			At: 101362, Step: 7, By: of, Host: "m1", Command: "firedrill host exec m1 -- rm -rf /var/lib/etcd/member",
			Text: "wiped m1's data, the last that held what was written after the newest backup, 23.9 s old",
		}},
	}
	return r
}

func typed(number int, by, host string, at, took int64, exit int, command string) reports.Step {
	name := strings.TrimPrefix(strings.TrimPrefix(command, "firedrill "), "host ")
	return reports.Step{Number: number, Name: name, Host: host, By: by, At: at, Took: took, Attempts: 1, ExitCode: exit, Command: command}
}

// played is a game day with the documented procedure beside it.
func played(t *testing.T, r reports.Report) []render.Outcome {
	t.Helper()
	all := one(r)
	book := restored()
	book.Scenario, book.Seed = r.Scenario, r.Seed
	c, err := reports.Compare(r, book)
	if err != nil {
		t.Fatal(err)
	}
	all[0].Comparison = &c
	return all
}

// quietDay is a game day in which nobody did anything, and that was stopped at once.
func quietDay() reports.Report {
	r := gameDay()
	r.Verdict = harness.Violated
	r.Findings = append(r.Findings, finding(harness.Promise, harness.Violated, "procedure-completes", "the procedure did not complete: the facilitator stopped it"))
	r.Procedure.Outcome, r.Procedure.Detail = "failed", "the facilitator stopped it"
	r.Strikes, r.Faults = r.Strikes[:2], r.Faults[:2]
	r.Steps = []reports.Step{{Number: 1, Name: "the team recovers", At: 40700, Took: 1300, Attempts: 1}}
	r.Gaps = []reports.Gap{{From: 40135, To: 42200, MS: 2065, Cause: "lose the data directory", Open: true}}
	r.Phases, r.OutageOpen, r.Loss, r.Fetches = reports.Phases{Detection: 515, Outage: 2065, OutageSpan: 2065}, true, nil, nil
	r.Moments = map[string]int64{"traffic-began": 1902, "struck": 40140, "took-effect": 40610, "detected": 40655, "procedure-began": 40700, "procedure-ended": 42000, "traffic-ended": 42200}
	r.MembersAfter, r.MemberIDsAfter, r.ClusterIDAfter = nil, nil, ""
	r.GameDay = &reports.GameDay{Ended: &reports.Deed{By: "the facilitator", At: 42000}, Stopped: "the fire bell rang, a real one", Shells: []reports.Shell{}}
	return r
}

// crowdedDay is a game day of so many shells and commands.
func crowdedDay(shells, commands int) reports.Report {
	r := gameDay()
	r.Steps, r.GameDay.Shells, r.GameDay.WrongMoves = nil, nil, nil
	name := func(i int) string { return fmt.Sprintf("operator-%02d", i%shells+1) }
	for i := range shells {
		r.GameDay.Shells = append(r.GameDay.Shells, reports.Shell{Name: name(i), Opened: 15000 + int64(i)*120})
	}
	for i := range commands {
		s := typed(i+2, name(i*7), "m1", 54000+int64(i)*115_000/int64(commands), 180, i%11/10, fmt.Sprintf("firedrill host exec m%d -- etcdctl get /registry/%d --consistency s", i%3+1, i))
		r.Steps = append(r.Steps, s)
	}
	for i := range 15 {
		r.GameDay.WrongMoves = append(r.GameDay.WrongMoves, reports.WrongMove{
			At: 60000 + int64(i)*4000, Step: i*9 + 2, By: name(i * 63), Host: "m1", Command: r.Steps[i*9].Command, Text: "wiped m1's data (revision 1042); what is left, m2's, ends at 990",
		})
	}
	return r
}

// hostileDay is a game day of which every text is an attack: on pages, on terminals,
// and on whoever lays text out.
func hostileDay() reports.Report {
	const long = 4000
	evil := attack + "\x1b[2J\x1b]0;owned\x07\x00\u202egnp.exe|`@all` [x](x:y) \n# heading\n"
	r := hostile()
	r.Verdict = harness.Violated
	r.GameDay = gameDay().GameDay
	r.Steps, r.Strikes = gameDay().Steps, gameDay().Strikes
	r.GameDay.Stopped = evil
	r.GameDay.Noticed.By, r.GameDay.Ended.By = evil, strings.Repeat("w", long)
	for i := range r.Steps {
		r.Steps[i].Name, r.Steps[i].Command, r.Steps[i].Error = evil, evil, evil
		if r.Steps[i].By != "" {
			r.Steps[i].By = evil
		}
	}
	r.Steps[2].Command = strings.Repeat("v", long)
	r.Steps[3].Command, r.Steps[3].By = strings.Repeat("<|", long), strings.Repeat("w", long)
	for i := range r.Strikes {
		r.Strikes[i].Fault = evil
	}
	r.Strikes[2].By = evil
	for i := range r.Gaps {
		r.Gaps[i].Cause = evil
	}
	for i := range r.Findings {
		r.Findings[i].Detail, r.Findings[i].Offending = evil, []string{evil}
	}
	for i := range r.GameDay.Shells {
		r.GameDay.Shells[i].Name = evil
	}
	r.GameDay.Shells[1].Name = strings.Repeat("w", long)
	r.GameDay.Hints[0].Text = evil
	r.GameDay.WrongMoves[0] = reports.WrongMove{At: 101362, Step: 7, By: evil, Host: evil, Command: evil, Text: evil}
	r.GameDay.GivenUp = r.GameDay.WrongMoves
	return r
}
