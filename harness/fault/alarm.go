package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// RaiseAlarm raises the alarm NOSPACE for a member, as etcd does where its
// database has outgrown the quota: reads are served, writes are refused. It is
// raised through etcd's own gateway, which filling a quota of gigabytes would
// come to as well. For clusters without TLS.
type RaiseAlarm struct {
	Who harness.Selector
	// BackedUp: it goes unnoticed for so long that a backup is taken, which has
	// the alarm in it.
	BackedUp bool
}

func (f RaiseAlarm) String() string {
	text := fmt.Sprintf("raise the alarm NOSPACE for %s", f.Who)
	if f.BackedUp {
		text += ", and let a backup be taken"
	}
	return text
}

// Inject raises the alarm and waits until it is in force, and for the backup.
func (f RaiseAlarm) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	names, err := each(ctx, s, f, f.Who, raise)
	if err != nil || !f.BackedUp {
		return names, err
	}
	if err := s.AwaitBackup(ctx); err != nil {
		return names, fmt.Errorf("%s: %w", f, err)
	}
	return names, nil
}

func raise(ctx context.Context, h harness.Host) error {
	var says struct {
		Header struct {
			Member uint64 `json:"member_id,string"`
		} `json:"header"`
	}
	if err := gateway(ctx, h, "status", "{}", &says); err != nil {
		return err
	}
	var raised struct {
		Alarms []struct {
			Member uint64 `json:"memberID,string"`
			Alarm  string `json:"alarm"`
		} `json:"alarms"`
	}
	ask := fmt.Sprintf(`{"action":"ACTIVATE","memberID":"%d","alarm":"NOSPACE"}`, says.Header.Member)
	if err := gateway(ctx, h, "alarm", ask, &raised); err != nil {
		return err
	}
	for _, a := range raised.Alarms {
		if a.Member == says.Header.Member && a.Alarm == "NOSPACE" {
			return nil
		}
	}
	return fmt.Errorf("etcd answered, and raised no alarm for member %x: %+v", says.Header.Member, raised.Alarms)
}

// mostAnswer is how much of an answer is read, in bytes.
const mostAnswer = 1 << 20

// gateway asks a host's etcd by HTTP for what no command of etcdctl's asks for.
func gateway(ctx context.Context, h harness.Host, what, ask string, answer any) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+h.ClientAddress()+"/v3/maintenance/"+what, strings.NewReader(ask))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		return fmt.Errorf("ask etcd's gateway for %s: %w", what, err)
	}
	return nil
}
