package drill_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// holders are all that is kept or shown of a drill and has one of the secrets in it:
// files in its directory, by their content or their name, and what its report is
// rendered as.
func holders(t *testing.T, dir string, report reports.Report, secrets ...string) []string {
	t.Helper()
	for _, secret := range secrets {
		if len(secret) < 16 {
			t.Fatalf("%q is no secret to look for", secret)
		}
	}
	var found []string
	look := func(what, text string) {
		if slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(text, secret) }) {
			found = append(found, what)
		}
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(dir, path)
		if err != nil || relErr != nil {
			return fmt.Errorf("%w, %w", err, relErr)
		}
		look("the name of "+name, name)
		if e.Type().IsRegular() {
			look(name, read(t, path))
			files++
		}
		return nil
	})
	if err != nil || files < 8 {
		t.Errorf("%d files were looked through, %v", files, err)
	}
	outcomes := []render.Outcome{{Report: report}}
	var html, junit bytes.Buffer
	encoded, err := json.Marshal(report)
	for _, err := range []error{err, render.HTML(&html, outcomes), render.JUnit(&junit, outcomes)} {
		if err != nil {
			t.Error(err)
		}
	}
	for what, text := range map[string]string{
		"the report": fmt.Sprintf("%+v", report), "JSON": string(encoded), "HTML": html.String(), "JUnit": junit.String(),
		"Markdown": render.Markdown(outcomes), "the summary": render.Style{}.Summary(report),
	} {
		if len(text) < 200 {
			t.Errorf("%s is %q", what, text)
		}
		look(what, text)
	}
	slices.Sort(found)
	return found
}

// secretless fails the test if any of them is kept or shown, or told to whoever watched.
func secretless(t *testing.T, dir string, report reports.Report, told []string, secrets ...string) {
	t.Helper()
	if found := holders(t, dir, report, secrets...); len(found) > 0 {
		t.Errorf("credentials are in %q", found)
	}
	for _, line := range told {
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				t.Errorf("whoever watched was told %q", line)
			}
		}
	}
}

// Planted anywhere, what is looked for is found, or no test here says anything.
func TestASecretIsFound(t *testing.T) {
	t.Parallel()
	const secret = "plantedPLANTEDplanted1234"
	r := newRig(t)
	step := harness.Step{Name: "plant", On: harness.Everyone, Do: harness.Script("echo " + secret + "; exit 1")}
	report, err := r.run(t.Context(), t, stopped(step), drill.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := r.latest(t)
	want := []string{"HTML", "JSON", "JUnit", "Markdown", "evidence.json", "report.json", "the report", "the summary", "timeline.jsonl", "transcript.txt"}
	if found := holders(t, dir, report, secret); !slices.Equal(found, want) {
		t.Errorf("it is found in %q, want %q", found, want)
	}
	for _, name := range []string{"ledger.bin", "final.bin", "hosts/m1/etcd.log", "hosts/m1/data.tar"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			text := read(t, path)
			if err := os.WriteFile(path, []byte(text[:len(text)/2]+secret+text[len(text)/2:]), 0o600); err != nil {
				t.Fatal(err)
			}
			if found := holders(t, dir, report, secret); !slices.Contains(found, name) {
				t.Errorf("it is found in %q", found)
			}
		})
	}
}

// leaky is a runbook that prints whatever credentials it was given, also in two
// pieces, across the end of what is told of a line, and without an end of the line, and
// notes them down where nobody of the drill looks.
func leaky(t *testing.T, ends int) (do harness.Executable, noted func() []string) {
	t.Helper()
	dir := t.TempDir()
	path, notes := filepath.Join(dir, "leaky.sh"), filepath.Join(dir, "notes")
	script := fmt.Sprintf(`#!/bin/sh
set -eu
printf '%%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" ${AWS_SESSION_TOKEN:+"$AWS_SESSION_TOKEN"} >%q
env | sort
env | sort >&2
rest=${AWS_SECRET_ACCESS_KEY#??????????}
printf '%%s' "in two: ${AWS_SECRET_ACCESS_KEY%%"$rest"}"
sleep 0.3
printf '%%s\n' "$rest"
printf '%%190s%%s\n' '' "$AWS_SECRET_ACCESS_KEY"
printf 'at its end: %%s' "$AWS_SECRET_ACCESS_KEY"
exit %d
`, notes, ends)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return harness.Executable{Path: path}, func() []string { return strings.Fields(read(t, notes)) }
}

// Credentials of the S3 server that the drill has of its own are in nothing that is
// kept or shown: neither by its own doing, nor because a runbook prints what it has.
func TestNoCredentialsOfItsOwnServer(t *testing.T) {
	t.Parallel()
	for _, ends := range []int{0, 1} {
		t.Run(fmt.Sprintf("exit %d", ends), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			do, noted := leaky(t, ends)
			s := rkeLike(append(rkeRestored(), harness.Step{Name: "run leaky.sh", Do: do})...)
			s.Within = time.Minute
			steps := s.Recover.(runbook)
			for i := range steps {
				if !steps[i].On.IsZero() { // who has a runbook has spare hosts as well
					steps[i].On = harness.Hosts("m1")
				}
			}
			var told []string
			report, err := r.run(t.Context(), t, s, drill.Options{Progress: func(e harness.Event) { told = append(told, e.Text) }})
			if err != nil {
				t.Fatal(err)
			}
			if want := []harness.Verdict{harness.Held, harness.Violated}[ends]; report.Verdict != want {
				t.Errorf("%s: %+v", report.Verdict, report.Findings)
			}
			secrets := noted()
			if len(secrets) != 2 {
				t.Fatalf("it had %d secrets", len(secrets))
			}
			secretless(t, report.Directory, report, told, secrets...)
			says(t, read(t, report.Directory, "transcript.txt"), "AWS_SECRET_ACCESS_KEY=(S3 credentials)", "in two: (S3 credentials)", "at its end: (S3 credentials)", "AWS_REGION=us-east-1")
			if found, err := filepath.Glob(filepath.Join(report.Directory, "backups", "*.data")); err != nil || len(found) == 0 {
				t.Errorf("no backup was kept in a server of its own: %v, %v", found, err)
			}
		})
	}
}

// Nor are those of the user's own bucket.
func TestNoCredentialsOfTheUsersBucket(t *testing.T) {
	if !alone(t) {
		return
	}
	r := newRig(t)
	server, o := bucketServed(t)
	c := server.Credentials()
	do, noted := leaky(t, 1)
	s := stopped(
		harness.Step{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}},
		harness.Step{Name: "run leaky.sh", Do: do},
	)
	s.Backups.Every, s.Within = 200*time.Millisecond, time.Minute
	var told []string
	o.Progress = func(e harness.Event) { told = append(told, e.Text) }
	report, err := r.run(t.Context(), t, s, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := noted(); !slices.Equal(got, []string{c.AccessKey, c.SecretKey}) {
		t.Fatal("it had other credentials")
	}
	secretless(t, report.Directory, report, told, c.AccessKey, c.SecretKey)
	says(t, findingOf(t, report, "procedure-completed").Detail, "AWS_SECRET_ACCESS_KEY=(S3 credentials)")
	says(t, read(t, report.Directory, "transcript.txt"), "step 3 on m1: fetch", "revision", "in two: (S3 credentials)")
}

// What is in our environment is the runbook's, whether or not the drill has use for it,
// a token included that is longer than what is told of a line.
func TestNoCredentialsOfTheEnvironment(t *testing.T) {
	if !alone(t) {
		return
	}
	secrets := []string{"AKIAEXAMPLEEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", strings.Repeat("token/", 100) + "=="}
	for i, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, secrets[i])
	}
	r := newRig(t)
	do, noted := leaky(t, 1)
	var told []string
	report, err := r.run(t.Context(), t, stopped(harness.Step{Name: "run leaky.sh", Do: do}), drill.Options{Progress: func(e harness.Event) { told = append(told, e.Text) }})
	if err != nil {
		t.Fatal(err)
	}
	if got := noted(); !slices.Equal(got, secrets) {
		t.Fatalf("it had %q", got)
	}
	// A token of which a part is left is none that is left out.
	secretless(t, report.Directory, report, told, append(secrets, secrets[2][:60], secrets[2][len(secrets[2])-60:])...)
}

// Nor are they in calls that the team of a game day types, in what hosts answer, or in
// what the wall shows.
func TestNoCredentialsOfATeam(t *testing.T) {
	if !alone(t) {
		return
	}
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	var walls []string
	p := plays(t, stoppedByHand(), drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		m.does(ctx, bastion.Exec, "m1", "echo", "--secret_key="+secret)
		// Where a call is told on a line it is cut short.
		m.does(ctx, bastion.Exec, "m1", "sh", "-c", strings.Repeat(":;", 35)+"echo "+secret+" >&2")
		if out, _, err := m.call(ctx, bastion.Exec, "m1", "cat", "/"+secret); err != nil || !strings.Contains(out, secret) {
			t.Errorf("whoever types sees %q, %v", out, err)
		}
		m.does(ctx, bastion.Exec, "m1", "mv", "/root/etcd.yaml", harness.ManifestPath)
		m.await(ctx, "etcd serves", serves)
		walls = append(walls, fmt.Sprintf("%+v", m.Wall()))
		m.does(ctx, bastion.Done)
	})
	secretless(t, p.dir, p.report, walls, secret, secret[:20])
	says(t, read(t, p.dir, "transcript.txt"), "--secret_key=(S3 credentials)")
}
