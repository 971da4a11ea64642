package fault

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

// served is a host whose etcd's gateway answers as it is told.
type served struct {
	harness.Host
	at string
}

func (served) Name() string            { return "m1" }
func (h served) ClientAddress() string { return h.at }

func TestAlarmIsSeenRaised(t *testing.T) {
	const says = `{"header":{"member_id":"17"}}`
	for name, c := range map[string]struct{ alarm, want string }{
		"raised":         {`{"alarms":[{"memberID":"17","alarm":"NOSPACE"}]}`, ""},
		"another's":      {`{"alarms":[{"memberID":"18","alarm":"NOSPACE"}]}`, "raised no alarm for member 11"},
		"another":        {`{"alarms":[{"memberID":"17","alarm":"CORRUPT"}]}`, "raised no alarm"},
		"not understood": {`<html>`, "ask etcd's gateway for alarm"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := ""
			etcd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/status") {
					fmt.Fprint(w, says)
					return
				}
				text, _ := io.ReadAll(r.Body)
				asked = string(text)
				fmt.Fprint(w, c.alarm)
			}))
			defer etcd.Close()
			on := hosts{served{at: strings.TrimPrefix(etcd.URL, "http://")}}
			struck, err := RaiseAlarm{Who: harness.Everyone}.Inject(t.Context(), on)
			if len(struck) != 1 || (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v", struck, err)
			}
			if !strings.Contains(asked, `"memberID":"17"`) {
				t.Errorf("it asked %q", asked)
			}
		})
	}
	etcd := httptest.NewServer(http.NotFoundHandler())
	defer etcd.Close()
	on := hosts{served{at: strings.TrimPrefix(etcd.URL, "http://")}}
	if _, err := (RaiseAlarm{Who: harness.Everyone}).Inject(t.Context(), on); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("of a gateway that is not there it says %v", err)
	}
}

func TestAlarmWaitsForTheBackup(t *testing.T) {
	etcd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"header":{"member_id":"17"},"alarms":[{"memberID":"17","alarm":"NOSPACE"}]}`)
	}))
	defer etcd.Close()
	f := RaiseAlarm{Who: harness.Everyone, BackedUp: true}
	_, err := f.Inject(t.Context(), hosts{served{at: strings.TrimPrefix(etcd.URL, "http://")}})
	if err == nil || !strings.Contains(err.Error(), f.String()+": no backup job") {
		t.Error(err)
	}
}
