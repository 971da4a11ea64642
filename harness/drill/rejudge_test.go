package drill_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
)

// Stored evidence gives the findings that the drill gave, with the checks and
// parameters of that day: no catalogue is asked. Where it is damaged, the error
// names the file and the place, and there is no verdict.
func TestRejudge(t *testing.T) {
	if !alone(t) {
		return
	}
	r := newRig(t)
	t.Setenv("TMPDIR", t.TempDir())
	s := crash()
	s.Name = "in-no-catalogue"
	s.Hazards = []harness.Check{check.MembersAre{Who: harness.Hosts("m1")}}
	first := r.held(t, s, drill.Options{Seed: 7, Flags: []string{"--seed", "7"}})
	dir := r.latest(t)
	again, err := drill.Rejudge(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.Rerun != "firedrill run in-no-catalogue --seed 7" {
		t.Errorf("the command that runs it again is %q", first.Rerun)
	}
	first.Rerun, again.Rerun, first.Directory, again.Directory = "", "", "", ""
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("judged again: %s", diff)
	}
	inText := regexp.MustCompile(`/(evidence\.json|evidence\.crc32c):\d+: the evidence is damaged`)
	inBinary := regexp.MustCompile(`/(ledger|final)\.bin, block \d+ at byte \d+, after record \d+: the file is damaged`)
	for file, place := range map[string]*regexp.Regexp{"evidence.json": inText, "evidence.crc32c": inText, "ledger.bin": inBinary, "final.bin": inBinary} {
		path := filepath.Join(dir, file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := drill.Rejudge(dir); err == nil || !bytes.Contains([]byte(err.Error()), []byte(path)) {
			t.Errorf("%s is missing: %v", file, err)
		}
		damaged := func(what string, content []byte) {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := drill.Rejudge(dir)
			if err == nil || !place.MatchString(err.Error()) || report.Schema != 0 {
				t.Errorf("%s %s: %v, verdict %s", file, what, err, report.Verdict)
			}
		}
		damaged("is empty", nil)
		damaged("has something behind it", append(bytes.Clone(whole), '\n'))
		stride := max(1, len(whole)/150)
		for at := 0; at < len(whole); at += stride {
			damaged(fmt.Sprintf("is cut off after %d of %d bytes", at, len(whole)), whole[:at])
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << (at % 8)
			damaged(fmt.Sprintf("has a flipped bit in byte %d of %d", at, len(whole)), flipped)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := drill.Rejudge(dir); err != nil || again.Verdict != harness.Held {
		t.Errorf("mended: %s, %v", again.Verdict, err)
	}
	if scratch, _ := filepath.Glob(filepath.Join(os.TempDir(), "firedrill-judge-*")); len(scratch) > 0 {
		t.Errorf("left behind: %v", scratch)
	}
	if _, err := drill.Rejudge(t.TempDir()); err == nil {
		t.Error("an empty directory was judged")
	} else {
		says(t, err.Error(), "evidence.json", "hint: ")
	}
}

// A flipped digit is still JSON: only the checksum of its line tells.
func TestRejudgeNamesTheLine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.held(t, crash(), drill.Options{})
	path := filepath.Join(r.latest(t), "evidence.json")
	text := []byte(read(t, path))
	at := bytes.Index(text, []byte(`"drill": "`)) + len(`"drill": "`)
	text[at] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := drill.Rejudge(r.latest(t))
	if err == nil {
		t.Fatal("no error")
	}
	says(t, err.Error(), path+":3: ")
}
