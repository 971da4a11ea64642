package rehearse

import (
	"slices"
	"strings"
	"testing"
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
