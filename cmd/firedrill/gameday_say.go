package main

import (
	"cmp"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/operator"
)

// saying is something that is told a living game day.
type saying struct {
	notice, done, leave, resume bool
	stop                        string
	by, socket                  string
}

func (s *saying) flags(f *pflag.FlagSet) {
	f.BoolVar(&s.notice, "notice", false, "tell a game day that is on: we have seen that something is wrong")
	f.BoolVar(&s.done, "done", false, "tell it: we are done, check what came back")
	f.BoolVar(&s.leave, "leave-it", false, "tell it: we leave the cluster as it is, for there is nothing to recover, or nothing that may be touched")
	f.BoolVar(&s.resume, "resume", false, "tell it to go on, if the facilitator paused it")
	f.StringVar(&s.stop, "stop", "", "tell it to end before the team is done, for this `reason`")
	f.StringVar(&s.by, "by", "", "with these: `who` says so (default: the shell's name, or yours)")
	socketFlag(f, &s.socket)
}

func socketFlag(f *pflag.FlagSet, socket *string) {
	f.StringVar(socket, "socket", "", "the `path` of the game day's socket (default: $"+bastion.SocketVariable+", or the only one that is on here)")
}

func (s saying) any() bool { return s.notice || s.done || s.leave || s.resume || s.stop != "" }

// tell tells a living game day something.
func (a *app) tell(c *cobra.Command, s saying, args []string) error {
	var calls []bastion.Call
	by := cmp.Or(s.by, os.Getenv(bastion.ByVariable), userName())
	for _, one := range []struct {
		said bool
		verb string
	}{{s.notice, bastion.Notice}, {s.done, bastion.Done}, {s.leave, bastion.Leave}, {s.resume, bastion.Resume}} {
		if one.said {
			calls = append(calls, bastion.Call{By: by, Verb: one.verb})
		}
	}
	if s.stop != "" {
		calls = append(calls, bastion.Call{By: by, Verb: bastion.CallOff, Args: []string{s.stop}})
	}
	if len(calls) != 1 || len(args) > 0 {
		return hint(errors.New("--notice, --done, --leave-it, --resume and --stop tell a game day that is on one thing, and begin none"), "give one of them, and no scenario")
	}
	if err := calls[0].Check(); err != nil {
		return err
	}
	socket, err := livingGameDay(s.socket)
	if err != nil {
		return err
	}
	mortal()
	return a.answered(bastion.Do(c.Context(), socket, calls[0], harness.Streams{Out: a.out, Err: a.err}))
}

// userName is how the system calls whoever types.
func userName() string { return cmp.Or(os.Getenv("USER"), os.Getenv("LOGNAME")) }

// livingGameDay is the socket of the game day that is meant.
func livingGameDay(socket string) (string, error) {
	if socket = cmp.Or(socket, os.Getenv(bastion.SocketVariable)); socket != "" {
		return socket, nil
	}
	desks, err := operator.Living("")
	if err != nil {
		return "", err
	}
	var found []string
	for _, desk := range desks {
		path := bastion.GameDaySocket(desk)
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			found = append(found, path)
		}
	}
	switch len(found) {
	case 0:
		return "", hint(errors.New("no game day is on here"), "firedrill gameday --surprise begins one, and tells its socket, for --socket, where this command looks elsewhere (TMPDIR)")
	case 1:
		return found[0], nil
	}
	return "", hint(errors.New("several game days are on here"), "say which by --socket: %s", strings.Join(found, ", "))
}
