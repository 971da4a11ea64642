package observe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

// patience is how long Views asks a member again whose answer did not come in time.
const patience = 10 * time.Second

// Views is Members for evidence: a member whose answers do not come in time is
// asked again, for 10 s, before that counts. One that answers with an error, or
// refuses the connection, is not: that is its answer.
func Views(ctx context.Context, targets []Target) []harness.MemberView {
	return views(ctx, targets, patience)
}

// Members asks every target for its own view, all at once. The answers are in
// the targets' order; one that could not be asked has Error set.
//
// Nothing but Serves needs a quorum: the member list is read serializably
// (members before 3.6 know no other way), and alarms are taken from the status,
// because listing them is a proposal and hangs.
func Members(ctx context.Context, targets []Target) []harness.MemberView {
	return views(ctx, targets, 0)
}

func views(ctx context.Context, targets []Target, patience time.Duration) []harness.MemberView {
	deadline := time.Now().Add(patience)
	return each(targets, func(t Target) harness.MemberView {
		for {
			view, late := viewOnce(ctx, t)
			switch {
			case !late || patience == 0 || refuses(ctx, t):
				return view
			case !time.Now().Before(deadline) || ctx.Err() != nil:
				view.TimedOut = true
				return view
			}
		}
	})
}

// viewOnce asks one target. late: something was not answered in time.
func viewOnce(ctx context.Context, t Target) (view harness.MemberView, late bool) {
	view.Host = t.Host
	var served error
	err := with([]Target{t}, func(c *clientv3.Client) (err error) {
		served, err = look(ctx, c, t, &view)
		return err
	})
	if err != nil {
		view = harness.MemberView{Host: t.Host, Error: err.Error()}
	}
	return view, timedOut(err) || timedOut(served)
}

// refuses tells whether nobody listens where a target should be. The client
// library does not say so: it tries again until its time is up.
func refuses(ctx context.Context, t Target) bool {
	c, err := (&net.Dialer{Timeout: askTimeout}).DialContext(ctx, "tcp", t.Endpoint)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// timedOut tells of an answer that did not come in time: to us, or to the member
// that asked its leader.
func timedOut(err error) bool {
	late := []error{context.DeadlineExceeded, rpctypes.ErrTimeout, rpctypes.ErrTimeoutDueToLeaderFail, rpctypes.ErrTimeoutDueToConnectionLost, rpctypes.ErrTimeoutWaitAppliedIndex}
	return status.Code(err) == codes.DeadlineExceeded || slices.ContainsFunc(late, func(known error) bool { return errors.Is(err, known) })
}

// look fills in a view. served is why a linearizable read was not answered, nil
// if it was.
func look(ctx context.Context, c *clientv3.Client, t Target, view *harness.MemberView) (served, err error) {
	asked, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	says, err := c.Status(asked, t.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("ask etcd on %s for its status: %w", t.Host, err)
	}
	list, err := c.MemberList(asked, clientv3.WithSerializable())
	if err != nil {
		return nil, fmt.Errorf("ask etcd on %s for its member list: %w", t.Host, err)
	}
	view.ClusterID, view.MemberID = says.Header.ClusterId, says.Header.MemberId
	view.Leader, view.Term = says.Leader, says.RaftTerm
	view.Revision, view.Version = says.Header.Revision, says.Version
	view.Alarms = alarms(says.Errors)
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
	asked, cancel = context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if served = linearizable(asked, c); served != nil {
		view.ServeError = served.Error()
	}
	view.Serves = served == nil
	return served, nil
}

// alarmText finds an alarm in a status's error: etcd prints its protobuf
// message there, whose spacing is deliberately not fixed.
var alarmText = regexp.MustCompile(`^\s*(?:memberID:\s*(\d+)\s+)?alarm:\s*(\w+)\s*$`)

// noLeader is all that members of 3.5 to 3.7 put among a status's errors beside
// alarms.
const noLeader = "etcdserver: no leader"

// alarms takes the alarms out of a status's errors: "NOSPACE of <member ID in
// hexadecimal, as etcdctl prints it>". What cannot be read is an alarm as it
// stands: it is not for us to say that all is well.
func alarms(problems []string) []string {
	list := []string{}
	for _, text := range problems {
		if text == noLeader {
			continue
		}
		if m := alarmText.FindStringSubmatch(text); m != nil {
			if id, err := strconv.ParseUint("0"+m[1], 10, 64); err == nil {
				text = fmt.Sprintf("%s of %x", m[2], id)
			}
		}
		list = append(list, text)
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
		says, err := c.Status(ctx, t.Endpoint)
		if err != nil {
			return fmt.Errorf("ask etcd on %s whether it knows a leader: %w", t.Host, err)
		}
		resp, err := c.Get(ctx, "\x00", clientv3.WithSerializable(), clientv3.WithCountOnly())
		if err != nil {
			return fmt.Errorf("read from etcd on %s serializably: %w", t.Host, err)
		}
		read = harness.SurvivorRead{Host: t.Host, Revision: resp.Header.Revision, HasLeader: says.Leader != 0}
		return nil
	})
	return read, err
}
