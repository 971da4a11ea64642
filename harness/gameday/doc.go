// Package gameday is what people look at and touch while they recover a cluster by
// hand: the wall, a page that shows what an operations wall would, and the
// facilitator's page, which shows what was broken and can break more.
//
//	team's browsers ─────▶ Server ──▶ Exercise, the drill's
//	facilitator's browser ──▶
//
// The pages are served on loopback, where only the facilitator's demands a token, or
// elsewhere, where each demands its own. They work without the internet and, as far
// as they can, without a script; they live by server-sent events, and survive a
// reload, because all that they show is one value, a Wall or a Stage, of which each
// event carries the whole, with its words: see view.
// A Wall holds nothing of what broke: there is no field for it, so the team's page
// cannot show it by accident. Of a host it has whether the machine and its etcd answer;
// what their supervisor says, which would name the fault, is in a Stage. The team asks
// for it where it would on any other day: see `firedrill host status`.
//
// The team's commands do not come this way but through the bastion. The package is
// apart from the drill, so that its pages are tested without a cluster; it refuses to
// import drills, agents, runtimes and clients.
package gameday
