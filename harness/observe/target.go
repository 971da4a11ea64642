package observe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// askTimeout bounds each question that a healthy member answers from memory.
const askTimeout = 2 * time.Second

// Target is one member as it can be reached.
type Target struct {
	Host     string      // its host's name, for people
	Endpoint string      // host:port
	TLS      *tls.Config // nil: plain text
	As       Login       // who asks; zero: nobody in particular, who may do anything where there is no authentication
}

// Login is a name and a password. However it is printed or encoded, neither is in it.
type Login struct{ Name, Password string }

const redacted = "(a user of etcd's)"

// Format prints that this is a user, whatever the verb.
func (Login) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText encodes that this is a user, in JSON too.
func (Login) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// with asks through a fresh client of these targets. The error names the first.
func with(targets []Target, ask func(*clientv3.Client) error) error {
	if len(targets) == 0 {
		return errors.New("ask etcd: there is no host to ask")
	}
	endpoints := make([]string, 0, len(targets))
	for _, t := range targets {
		endpoints = append(endpoints, t.Endpoint)
	}
	c, err := open(endpoints, targets[0])
	if err != nil {
		return fmt.Errorf("ask etcd on %s: %w", targets[0].Host, err)
	}
	defer c.Close()
	return ask(c)
}

func open(endpoints []string, t Target) (*clientv3.Client, error) {
	if t.As == (Login{}) {
		return client.New(endpoints, t.TLS)
	}
	return client.NewUser(endpoints, t.TLS, t.As.Name, t.As.Password, loginTimeout)
}

// each asks every target at once and returns the answers in the targets' order.
func each[T any](targets []Target, ask func(Target) T) []T {
	answers := make([]T, len(targets))
	var wg crew.Crew
	for i, t := range targets {
		wg.Go(func() { answers[i] = ask(t) })
	}
	wg.Wait()
	return answers
}

// FreshServed tells whether a client that knows these members and has no past
// is served: nil after one linearizable read, within 2 s.
func FreshServed(ctx context.Context, targets []Target) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return with(targets, func(c *clientv3.Client) error {
		if err := linearizable(ctx, c); err != nil {
			return fmt.Errorf("read from a fresh client of %s and %d others: %w", targets[0].Host, len(targets)-1, err)
		}
		return nil
	})
}

// FreshListed tells whether such a client is told the members, linearizably as etcd's
// own tools ask.
func FreshListed(ctx context.Context, targets []Target) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return with(targets, func(c *clientv3.Client) error {
		if _, err := c.MemberList(ctx); err != nil {
			return fmt.Errorf("list the members through a fresh client of %s and %d others: %w", targets[0].Host, len(targets)-1, err)
		}
		return nil
	})
}

// linearizable asks for a key that nobody has: only that it is answered matters.
func linearizable(ctx context.Context, c *clientv3.Client) error {
	_, err := c.Get(ctx, "\x00", clientv3.WithCountOnly())
	return err
}
