package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

// What is told of a log is how etcd ended, without what it may quote of the data.
func TestTail(t *testing.T) {
	for what, c := range map[string]struct {
		log  string
		want []string
	}{
		"nothing": {"", nil},
		"a fatal end": {
			`{"level":"info","msg":"starting"}` + "\n" + `{"level":"fatal","msg":"no","error":"disk","key":"/registry/secrets/x"}` + "\n" + "goroutine 1\n\tat x\n",
			[]string{"no: disk"},
		},
		"a flag that is none": {
			"flag provided but not defined: -x\nUsage:\n\n  etcd [flags]\n    Start\n", []string{"flag provided but not defined: -x"},
		},
		"an error that quotes":     {`{"level":"panic","msg":"failed to parse","error":"parsing \"/registry/secrets/x\": invalid"}` + "\n", []string{"failed to parse"}},
		"the same again and again": {strings.Repeat(`{"level":"warn","msg":"again"}`+"\n", 50), []string{"again"}},
		"more than is kept": {
			strings.Repeat(`{"level":"warn","msg":"before"}`+"\n", tailBytes/20) + `{"msg":"` + strings.Repeat("x", lineBytes+1) + `"}` + "\n" + `{"msg":"the last"}` + "\n",
			[]string{"before", strings.Repeat("x", lineBytes) + " …", "the last"},
		},
		"what may quote anything": {"panic: /registry/secrets/x\n\ngoroutine 1 [running]:\n/registry/secrets/x = y\npanic: runtime error: index out of range [3]\n", []string{"panic: runtime error: index out of range [3]"}},
	} {
		var log tail
		for len(c.log) > 0 {
			n := min(len(c.log), 1000)
			if _, err := log.Write([]byte(c.log[:n])); err != nil {
				t.Fatal(err)
			}
			c.log = c.log[n:]
		}
		if got := log.lines(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}

// etcdutl quotes what it cannot read: nothing of what it says is told, however it ended.
func TestWhatEtcdutlSaysIsNotTold(t *testing.T) {
	const secret = "/registry/secrets/x"
	for _, said := range []string{
		`{"level":"panic","msg":"failed to parse member id from key","error":"strconv.ParseUint: parsing \"` + secret + `\": invalid syntax"}`,
		"panic: " + secret + "\n\ngoroutine 1 [running]:\n", "Error: " + secret + ": no space left on device\n", secret,
	} {
		for _, status := range []int{1, 2, 126, 137} {
			var told progress
			r := &rehearsal{o: Options{Progress: told.take}}
			m := &member{name: "m1"}
			err := r.unrestored(m, harness.Output{ExitCode: status, Stderr: said, Stdout: said})
			all := fmt.Sprint(err, m.report.Problem, m.lastWords, r.report, r.seen, told.lines)
			if strings.Contains(all, secret) {
				t.Errorf("status %d: %s", status, all)
			}
			if (err == nil) == (m.report.Problem == "") {
				t.Errorf("status %d: it is either the host's fault or the backup's: %v, %q", status, err, m.report.Problem)
			}
		}
	}
}
