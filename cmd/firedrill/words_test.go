package main

import (
	"context"
	"errors"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestRuntimeAuto(t *testing.T) {
	named := func(name string) harness.Runtime { return chosen{name: name} }
	with := func(engine error) runtimes {
		return runtimes{
			engine:    func(context.Context) (string, error) { return "Docker Engine 20.10", engine },
			process:   func(place) (harness.Runtime, error) { return named("process"), nil },
			container: func(context.Context, place) (harness.Runtime, error) { return named("container"), nil },
		}
	}
	for _, c := range []struct {
		place     place
		engine    error
		want, why string
	}{
		{place{runtime: "auto"}, nil, "container", "because Docker Engine 20.10 answers"},
		{place{runtime: "auto"}, errors.New("none"), "process", "because no Docker engine answers"},
		{place{runtime: "auto", image: "etcd:3.5"}, errors.New("none"), "container", "because of --image"},
		{place{runtime: "auto", etcdBin: "/opt"}, nil, "process", "because of --etcd-bin"},
		{place{runtime: "process"}, nil, "process", ""},
		{place{runtime: "container"}, nil, "container", ""},
	} {
		rt, why, err := with(c.engine).choose(t.Context(), c.place)
		if err != nil || rt.Name() != c.want || why != c.why {
			t.Errorf("%+v: %v, %q, %v", c.place, rt, why, err)
		}
	}
}

type chosen struct {
	harness.Runtime
	name string
}

func (c chosen) Name() string { return c.name }

func TestQuotedWordsReadBack(t *testing.T) {
	for word, want := range map[string]string{"--x=1": "--x=1", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "a;b": "'a;b'"} {
		if got := quoted(word); got != want {
			t.Errorf("%q is quoted %s, want %s", word, got, want)
		}
	}
}
