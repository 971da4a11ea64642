package check

import (
	"fmt"

	"github.com/etcd-firedrill/firedrill/harness"
)

// UsersBind holds when users and roles are in the recovered cluster what they
// were before: a fresh client is served where its role lets it, and refused
// elsewhere, as is one with a wrong password.
type UsersBind struct{ none }

// Name is users-bind.
func (UsersBind) Name() string { return "users-bind" }

// Claim says what Held affirms.
func (UsersBind) Claim() string {
	return "a client that logs in anew, through one member, may read what its role lets it, and nothing else"
}

// Judge reads what such a client was told before and at the end.
func (UsersBind) Judge(ev *harness.Evidence) harness.Result {
	l := ev.Login
	if l == nil {
		return notSeen("no client logged in before the strike")
	}
	if wrong, missing := unbound(l, l.Before); len(wrong)+len(missing) > 0 {
		return notSeen("before the strike %s", append(wrong, missing...)[0])
	}
	if l.After == nil {
		return notSeen("no client logged in at the end")
	}
	switch wrong, missing := unbound(l, *l.After); {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0:
		return notSeen("%s", missing[0])
	}
	return held("%s is served below %s, and refused elsewhere and with a wrong password", l.User, l.Prefix)
}

// unbound lists what a client was told against its user and role, and what it was
// told neither way.
func unbound(l *harness.LoginRecord, v harness.LoginView) (wrong, missing []string) {
	for _, c := range []struct {
		what string
		told harness.Answer
		may  bool
	}{
		{"a login", v.Login, true},
		{"what is below " + l.Prefix, v.Below, true},
		{"what its role does not let it use", v.Elsewhere, false},
		{"a login with a wrong password", v.Mistyped, false},
	} {
		switch {
		case c.told.Granted() && !c.may:
			wrong = append(wrong, fmt.Sprintf("%s was granted %s", l.User, c.what))
		case c.told.Refused && c.may:
			wrong = append(wrong, fmt.Sprintf("%s was refused %s: %s", l.User, c.what, told(c.told)))
		case !c.told.Granted() && !c.told.Refused:
			missing = append(missing, fmt.Sprintf("whether %s is granted %s was not answered: %s", l.User, c.what, told(c.told)))
		}
	}
	return wrong, missing
}

func told(a harness.Answer) string {
	switch {
	case a.Within == 0:
		return "nobody asked"
	case a.Granted():
		return "it was served"
	}
	return a.Error
}

// OldTokensWork holds when a client that logged in before the strike is answered
// at the end. A simple token carries the index of the log at which it was given,
// and no member takes it before its own log has come as far: where a restore
// begins a new log, every request hangs, and no client is told to log in again.
type OldTokensWork struct{ none }

// Name is old-tokens-work.
func (OldTokensWork) Name() string { return "old-tokens-work" }

// Claim says what Held affirms.
func (OldTokensWork) Claim() string {
	return "a client that logged in before the strike is answered, as a fresh one is"
}

// Judge compares it with a fresh client. One whose token the new log has overtaken
// is told to log in again, which proves nothing of longer logs.
func (OldTokensWork) Judge(ev *harness.Evidence) harness.Result {
	l := ev.Login
	switch {
	case l == nil || !l.Before.Login.Granted() || !l.Before.Below.Granted():
		return notSeen("before the strike no client was logged in and served")
	case l.Held == nil || l.After == nil:
		return notSeen("nobody asked at the end")
	case !l.After.Below.Granted():
		return notSeen("at the end a fresh client was not served either: %s", told(l.After.Below))
	case l.After.Below.Took > l.Held.Within/2:
		return notSeen("a fresh client was answered after %d ms, too slow to tell the other by", l.After.Below.Took.Milliseconds())
	}
	fresh := fmt.Sprintf("a fresh client was answered after %d ms", l.After.Below.Took.Milliseconds())
	index := fmt.Sprintf("its token is of log index %d, and the log is at %d", l.Before.Index, l.After.Index)
	_, anew := ev.At(harness.HistoryReplaced)
	switch {
	case l.Held.Hung:
		return violated(nil, "it hung to its deadline of %.0f s, while %s: %s", l.Held.Within.Seconds(), fresh, index)
	case l.Held.Refused:
		return violated(nil, "it was refused with %q, while %s: %s", l.Held.Error, fresh, index)
	case !l.Held.Granted():
		return notSeen("it was not answered: %s", told(*l.Held))
	case anew && l.After.Index >= l.Before.Index:
		return notSeen("it was answered after %d ms, because %s", l.Held.Took.Milliseconds(), index)
	}
	return held("it was answered after %d ms, and %s: %s", l.Held.Took.Milliseconds(), fresh, index)
}
