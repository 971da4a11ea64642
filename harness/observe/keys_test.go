package observe

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Keys and their number are those of the revision that is asked for.
func TestKeysAtARevision(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	c := dial(t, cluster)
	for i := range 10 {
		put(t, c, fmt.Sprintf("k%d", i), strings.Repeat("v", i))
	}
	resp, err := c.Get(t.Context(), "k0")
	if err != nil {
		t.Fatal(err)
	}
	revision := resp.Header.Revision
	put(t, c, "later", "v")
	if err := Applied(t.Context(), targets[0], revision+1); err != nil {
		t.Error(err)
	}
	var got []string
	if err := Keys(t.Context(), targets[0], revision, func(key []byte, value int) error {
		got = append(got, fmt.Sprintf("%s %d", key, value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 10 || got[0] != "k0 0" || got[9] != "k9 9" {
		t.Errorf("%q", got)
	}
	enough := errors.New("enough")
	if err := Keys(t.Context(), targets[0], revision, func([]byte, int) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
	for at, want := range map[int64]int64{revision: 10, revision + 1: 11} {
		if n, err := Count(t.Context(), targets[0], at); err != nil || n != want {
			t.Errorf("at %d: %d, %v", at, n, err)
		}
	}
	if n, err := DBSize(t.Context(), targets[0]); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// Where there is authentication a target is asked as a user, who is never printed.
func TestAskingAsAUser(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	app := enableAuth(t, dial(t, cluster))
	if v := Members(t.Context(), targets)[0]; v.Error == "" {
		t.Errorf("nobody in particular was told: %+v", v)
	}
	targets[0].As = Login{Name: "root", Password: "all"}
	v := Members(t.Context(), targets)[0]
	if v.Error != "" || !v.Serves {
		t.Errorf("%+v", v)
	}
	if h := Hashes(t.Context(), targets, v.Revision)[0]; h.Error != "" {
		t.Errorf("%+v", h)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", targets[0], targets, targets[0], targets[0].As); strings.Contains(text, "all") || strings.Contains(text, "root") {
		t.Errorf("the user is printed: %s", text)
	}
	targets[0].As = Login{Name: app.Name, Password: app.Password}
	if h := Hashes(t.Context(), targets, v.Revision)[0]; !strings.Contains(h.Error, "permission denied") {
		t.Errorf("one who may not was told: %+v", h)
	}
	targets[0].As.Password = "wrong"
	if v := Members(t.Context(), targets)[0]; v.Error == "" || strings.Contains(v.Error, "wrong") {
		t.Errorf("%+v", v)
	}
}
