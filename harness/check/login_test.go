package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	users  = check.UsersBind{}
	tokens = check.OldTokensWork{}
)

// login is what a client is told whose user and role bind.
func login(at time.Duration, index uint64) harness.LoginView {
	no := harness.Answer{Within: time.Second, Error: "permission denied", Refused: true}
	yes := harness.Answer{Took: 4 * time.Millisecond, Within: time.Second}
	return harness.LoginView{At: at, Index: index, Login: yes, Below: yes, Elsewhere: no, Mistyped: no}
}

// fresh alters what a fresh client is told at the end, older what one was told
// before the strike, and keeper what that one is told at the end.
func fresh(alter func(*harness.LoginView)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(ev.Login.After) }
}

func older(alter func(*harness.LoginView)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.Login.Before) }
}

func keeper(a harness.Answer) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { a.Within = time.Second; ev.Login.Held = &a }
}

var (
	failed    = harness.Answer{Within: time.Second, Error: "no leader"}
	granted   = harness.Answer{Within: time.Second}
	hung      = harness.Answer{Error: "context deadline exceeded", Hung: true}
	nobody    = func(ev *harness.Evidence, _ *book) { ev.Login = nil }
	unprobed  = func(ev *harness.Evidence, _ *book) { ev.Login.After, ev.Login.Held = nil, nil }
	overtaken = fresh(func(v *harness.LoginView) { v.Index = 6000 })
)

var loginCases = []judged{
	{users, "honest", nothing, harness.Held, "app is served below /firedrill/app/"},
	{users, "is not let in", fresh(func(v *harness.LoginView) { v.Login = v.Mistyped }), harness.Violated, "app was refused a login: permission denied"},
	{users, "is not served", fresh(func(v *harness.LoginView) { v.Below = v.Elsewhere }), harness.Violated, "app was refused what is below /firedrill/app/: permission denied"},
	{users, "is served everywhere", fresh(func(v *harness.LoginView) { v.Elsewhere = granted }), harness.Violated, "app was granted what its role does not let it use"},
	{users, "any password does", fresh(func(v *harness.LoginView) { v.Mistyped = granted }), harness.Violated, "app was granted a login with a wrong password"},
	{users, "the same, and nobody is served", fresh(func(v *harness.LoginView) { v.Mistyped, v.Below = granted, failed }), harness.Violated, "with a wrong password"},
	{users, "nobody is served", fresh(func(v *harness.LoginView) { v.Below = failed }), harness.Inconclusive, "whether app is granted what is below /firedrill/app/ was not answered: no leader"},
	{users, "failed elsewhere, and was not refused", fresh(func(v *harness.LoginView) { v.Elsewhere = failed }), harness.Inconclusive, "not answered: no leader"},
	{users, "was asked for one thing less", fresh(func(v *harness.LoginView) { v.Below = harness.Answer{} }), harness.Inconclusive, "nobody asked"},
	{users, "was never bound", older(func(v *harness.LoginView) { v.Elsewhere = granted }), harness.Inconclusive, "before the strike app was granted"},
	{users, "was not answered before", older(func(v *harness.LoginView) { v.Elsewhere = failed }), harness.Inconclusive, "before the strike whether app"},
	{users, "nobody asked at the end", unprobed, harness.Inconclusive, "no client logged in at the end"},
	{users, "nobody logged in", nobody, harness.Inconclusive, "no client logged in before"},

	{tokens, "honest", nothing, harness.Held, "it was answered after 5 ms, and a fresh client was answered after 4 ms: its token is of log index 5000, and the log is at 1000"},
	{tokens, "hangs", keeper(hung), harness.Violated, "it hung to its deadline of 1 s, while a fresh client was answered after 4 ms: its token is of log index 5000, and the log is at 1000"},
	{tokens, "is refused", keeper(harness.Answer{Error: "invalid auth token", Refused: true}), harness.Violated, `it was refused with "invalid auth token", while a fresh`},
	{tokens, "is served by a log that has overtaken it", overtaken, harness.Inconclusive, "it was answered after 5 ms, because its token is of log index 5000, and the log is at 6000"},
	{tokens, "the same, of the same log", both(inPlace, overtaken), harness.Held, ""},
	{tokens, "is neither answered nor refused", keeper(failed), harness.Inconclusive, "it was not answered: no leader"},
	{tokens, "hangs all the same", both(overtaken, keeper(hung)), harness.Violated, "hung"},
	{tokens, "nobody is served", fresh(func(v *harness.LoginView) { v.Below = failed }), harness.Inconclusive, "a fresh client was not served either: no leader"},
	{tokens, "everybody is slow", fresh(func(v *harness.LoginView) { v.Below.Took = 600 * time.Millisecond }), harness.Inconclusive, "after 600 ms, too slow"},
	{tokens, "was not served before", older(func(v *harness.LoginView) { v.Below = failed }), harness.Inconclusive, "no client was logged in and served"},
	{tokens, "nobody asked at the end", unprobed, harness.Inconclusive, "nobody asked"},
	{tokens, "nobody logged in", nobody, harness.Inconclusive, "no client was logged in"},
}
