package observe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
)

// loginTimeout bounds a login: etcd makes the checking of a password slow on
// purpose (bcrypt).
const loginTimeout = 5 * time.Second

// User is who a client logs in as, and what it may do.
type User struct {
	Name, Password string
	Prefix         string // below this it may do anything
	Elsewhere      string // a key that it may not even read
}

// LogIn logs in, and asks for what the user may and for what it may not. held is
// the client, which keeps its token until it is told that it is none; it is nil
// where the login was not granted. The caller closes it.
func LogIn(ctx context.Context, targets []Target, u User) (view harness.LoginView, held *clientv3.Client, err error) {
	err = with(targets, func(c *clientv3.Client) error {
		view.Login = answered(ctx, loginTimeout, func(ctx context.Context) error {
			resp, err := c.Authenticate(ctx, u.Name, u.Password)
			if err == nil {
				view.Index, err = indexOf(resp.Token)
			}
			return err
		})
		view.Mistyped = answered(ctx, loginTimeout, func(ctx context.Context) error {
			_, err := c.Authenticate(ctx, u.Name, u.Password+"x")
			return err
		})
		return nil
	})
	if err != nil {
		return view, nil, err
	}
	endpoints := make([]string, 0, len(targets))
	for _, t := range targets {
		endpoints = append(endpoints, t.Endpoint)
	}
	if held, err = client.NewUser(endpoints, targets[0].TLS, u.Name, u.Password, loginTimeout); err != nil {
		view.Below = harness.Answer{Within: loginTimeout, Error: err.Error()}
		view.Elsewhere = view.Below
		return view, nil, ctx.Err()
	}
	view.Below = Ask(ctx, held, u.Prefix)
	view.Elsewhere = Ask(ctx, held, u.Elsewhere)
	if ctx.Err() != nil {
		return view, nil, errors.Join(ctx.Err(), held.Close())
	}
	return view, held, nil
}

// Ask asks for a key, linearizably, and tells what was answered.
func Ask(ctx context.Context, c *clientv3.Client, key string) harness.Answer {
	return answered(ctx, askTimeout, func(ctx context.Context) error {
		_, err := c.Get(ctx, key, clientv3.WithCountOnly())
		return err
	})
}

func answered(ctx context.Context, within time.Duration, ask func(context.Context) error) harness.Answer {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	begun := time.Now()
	err := ask(ctx)
	a := harness.Answer{Took: time.Since(begun), Within: within}
	if err != nil {
		a.Error = err.Error()
		a.Refused = errors.Is(err, rpctypes.ErrPermissionDenied) || errors.Is(err, rpctypes.ErrAuthFailed) || errors.Is(err, rpctypes.ErrInvalidAuthToken)
		a.Hung = errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
	}
	return a
}

// indexOf reads the index in a simple token: of the members' log when it was
// given. No member takes the token before its own log has come as far.
func indexOf(token string) (uint64, error) {
	_, index, ok := strings.Cut(token, ".")
	n, err := strconv.ParseUint(index, 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("the token is no simple one: %d characters", len(token))
	}
	return n, nil
}
