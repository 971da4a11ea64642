package observe

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Members asks every target for its own view, all at once. The answers are in
// the targets' order; one that could not be asked has Error set.
//
// Nothing but Serves needs a quorum: the member list is read serializably
// (members before 3.6 know no other way), and alarms are taken from the status,
// because listing them is a proposal and hangs.
func Members(ctx context.Context, targets []Target) []harness.MemberView {
	return each(targets, func(t Target) harness.MemberView {
		view := harness.MemberView{Host: t.Host}
		if err := with([]Target{t}, func(c *clientv3.Client) error { return look(ctx, c, t, &view) }); err != nil {
			return harness.MemberView{Host: t.Host, Error: err.Error()}
		}
		return view
	})
}

func look(ctx context.Context, c *clientv3.Client, t Target, view *harness.MemberView) error {
	asked, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, err := c.Status(asked, t.Endpoint)
	if err != nil {
		return fmt.Errorf("ask etcd on %s for its status: %w", t.Host, err)
	}
	list, err := c.MemberList(asked, clientv3.WithSerializable())
	if err != nil {
		return fmt.Errorf("ask etcd on %s for its member list: %w", t.Host, err)
	}
	view.ClusterID, view.MemberID = status.Header.ClusterId, status.Header.MemberId
	view.Leader, view.Term = status.Leader, status.RaftTerm
	view.Revision, view.Version = status.Header.Revision, status.Version
	view.Alarms = alarms(status.Errors)
	view.Members = make([]harness.Member, 0, len(list.Members))
	for _, m := range list.Members {
		view.Members = append(view.Members, harness.Member{ID: m.ID, Name: m.Name, PeerURLs: m.PeerURLs, Learner: m.IsLearner})
	}
	slices.SortFunc(view.Members, func(a, b harness.Member) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	served, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := linearizable(served, c); err != nil {
		view.ServeError = err.Error()
	} else {
		view.Serves = true
	}
	return nil
}

// alarmText finds an alarm in a status's error: etcd prints its protobuf
// message there, whose spacing is deliberately not fixed.
var alarmText = regexp.MustCompile(`^\s*(?:memberID:\s*(\d+)\s+)?alarm:\s*(\w+)\s*$`)

// alarms takes the alarms out of a status's errors: "NOSPACE of <member ID in
// hexadecimal, as etcdctl prints it>".
func alarms(problems []string) []string {
	list := []string{}
	for _, text := range problems {
		m := alarmText.FindStringSubmatch(text)
		if m == nil {
			continue // "etcdserver: no leader"
		}
		id, err := strconv.ParseUint("0"+m[1], 10, 64)
		if err != nil {
			continue
		}
		list = append(list, fmt.Sprintf("%s of %x", m[2], id))
	}
	return list
}

// Survivor reads, without needing a quorum, how far a member's data go and
// whether it knows a leader. At is for the caller to set. The leader is asked
// for first: a revision that was read after the leader was lost stays the
// member's last until it is stopped.
func Survivor(ctx context.Context, t Target) (read harness.SurvivorRead, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err = with([]Target{t}, func(c *clientv3.Client) error {
		status, err := c.Status(ctx, t.Endpoint)
		if err != nil {
			return fmt.Errorf("ask etcd on %s whether it knows a leader: %w", t.Host, err)
		}
		resp, err := c.Get(ctx, "\x00", clientv3.WithSerializable(), clientv3.WithCountOnly())
		if err != nil {
			return fmt.Errorf("read from etcd on %s serializably: %w", t.Host, err)
		}
		read = harness.SurvivorRead{Host: t.Host, Revision: resp.Header.Revision, HasLeader: status.Leader != 0}
		return nil
	})
	return read, err
}
