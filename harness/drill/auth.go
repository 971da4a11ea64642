package drill

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

const (
	// root is the user, and the common name, of whoever may do everything.
	root = "root"
	// appUser is the user, and its role, of the client that logs in.
	appUser = "app"
	// lived is how many entries the log of a cluster with authentication has
	// before its clients come: more than a restored one will have at the end. A
	// token carries the log's index, and those of a real cluster's are in the
	// millions.
	lived = 100 * abreast
	// abreast is how many of them are on their way at once.
	abreast = 64
)

// app is the client that logs in by name and password.
type app struct {
	user observe.User
	held *clientv3.Client // since before the strike; nil: not logged in
}

// asApp are targets as the app sees them: its certificate is nobody's.
func (d *drill) asApp(targets []observe.Target) []observe.Target {
	for i := range targets {
		targets[i].TLS = d.appTLS
	}
	return targets
}

// authenticate makes users and roles and enables authentication, once the cluster
// serves.
func (d *drill) authenticate(ctx context.Context) error {
	if !d.scenario.Given.Auth {
		return nil
	}
	prefix := d.ev.TrafficPrefix + "app/"
	d.app = &app{user: observe.User{Name: appUser, Password: rand.Text(), Prefix: prefix, Elsewhere: d.ev.TrafficPrefix + "others"}}
	var endpoints []string
	for _, t := range d.targets() {
		endpoints = append(endpoints, t.Endpoint)
	}
	c, err := client.New(endpoints, d.tls)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := age(ctx, c, prefix+"never"); err != nil {
		return fmt.Errorf("let the log grow: %w", err)
	}
	for _, do := range []func() error{
		func() error {
			_, err := c.UserAddWithOptions(ctx, root, "", &clientv3.UserAddOptions{NoPassword: true})
			return err
		},
		func() error { _, err := c.UserGrantRole(ctx, root, root); return err },
		func() error { _, err := c.RoleAdd(ctx, appUser); return err },
		func() error {
			all := clientv3.PermissionType(clientv3.PermReadWrite)
			_, err := c.RoleGrantPermission(ctx, appUser, prefix, clientv3.GetPrefixRangeEnd(prefix), all)
			return err
		},
		func() error { _, err := c.UserAdd(ctx, appUser, d.app.user.Password); return err },
		func() error { _, err := c.UserGrantRole(ctx, appUser, appUser); return err },
		func() error { _, err := c.AuthEnable(ctx); return err },
	} {
		if err := do(); err != nil {
			return fmt.Errorf("enable authentication: %w", err)
		}
	}
	d.timeline.say(harness.DrillEvent, "", "authentication is enabled: users %s and %s", root, appUser)
	return nil
}

// age makes the log longer by deleting a key that never was, which changes
// nothing else.
func age(ctx context.Context, c *clientv3.Client, key string) error {
	var wg crew.Crew
	errs := make([]error, abreast)
	for i := range errs {
		wg.Go(func() {
			for range lived / abreast {
				if _, err := c.Delete(ctx, key); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// logIn has the app log in, and records what it may do before anything happens.
func (d *drill) logIn(ctx context.Context) error {
	if d.app == nil {
		return nil
	}
	at := d.timeline.now()
	view, held, err := observe.LogIn(ctx, d.asApp(d.targets()), d.app.user)
	if err != nil {
		return err
	}
	d.app.held, view.At = held, at
	d.ev.Login = &harness.LoginRecord{User: appUser, Prefix: d.app.user.Prefix, Before: view}
	return nil
}

// askAsApp asks, at the end, as a fresh client and as the one that logged in
// before the strike. Requests leave nothing behind.
func (d *drill) askAsApp(ctx context.Context, source observe.Target) error {
	if d.app == nil || d.app.held == nil {
		return nil
	}
	at := d.timeline.now()
	fresh, other, err := observe.LogIn(ctx, d.asApp([]observe.Target{source}), d.app.user)
	if err != nil {
		return err
	}
	if other != nil {
		_ = other.Close() // it was only for asking
	}
	fresh.At = at
	d.app.held.SetEndpoints(source.Endpoint)
	told := observe.Ask(ctx, d.app.held, d.app.user.Prefix)
	d.ev.Login.After, d.ev.Login.Held = &fresh, &told
	d.timeline.say(harness.DrillEvent, "", "a fresh client of user %s was answered after %d ms, one logged in before the strike after %d ms: %s",
		appUser, fresh.Below.Took.Milliseconds(), told.Took.Milliseconds(), outcomeOf(told))
	return ctx.Err()
}

func outcomeOf(a harness.Answer) string {
	if a.Granted() {
		return "served"
	}
	return a.Error
}

// leave closes what the app holds.
func (a *app) leave() {
	if a != nil && a.held != nil {
		_ = a.held.Close() // nobody asks it any more
		a.held = nil
	}
}

// commonName is that of our own certificate and of an operator's.
func (d *drill) commonName() string {
	if d.scenario.Given.Auth {
		return root
	}
	return "firedrill"
}
