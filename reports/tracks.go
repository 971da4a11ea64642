package reports

import (
	"cmp"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// event is something that begins or ends a span of a host.
type event struct {
	at    time.Duration
	power *bool // it went on or off
	etcd  *bool // its etcd began or ended
}

// tracksOf draws every host that there ever was. Evidence of older versions does
// not tell when etcd was started, and no track is made of half of it.
func tracksOf(ev *harness.Evidence) []Track {
	if ev.Starts == nil {
		return nil
	}
	yes, no := true, false
	hosts := map[string][]event{}
	for _, name := range slices.Concat(ev.BornHosts, ev.Hosts) {
		hosts[name] = nil
	}
	add := func(host string, e event) { hosts[host] = append(hosts[host], e) }
	for _, p := range ev.Power {
		add(p.Host, event{at: p.At, power: &p.On})
	}
	for host, at := range ev.Gone {
		add(host, event{at: at, power: &no})
	}
	for _, s := range ev.Starts {
		add(s.Host, event{at: s.At, etcd: &yes})
	}
	for _, e := range ev.Exits {
		add(e.Host, event{at: e.At, etcd: &no})
	}
	tracks := make([]Track, 0, len(hosts))
	for name, events := range hosts {
		slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		tracks = append(tracks, trackOf(name, events))
	}
	slices.SortFunc(tracks, func(a, b Track) int {
		return cmp.Or(cmp.Compare(len(a.Host), len(b.Host)), cmp.Compare(a.Host, b.Host))
	})
	return tracks
}

// trackOf draws one host. When its power goes, its etcd ends, of which nobody
// tells.
func trackOf(host string, events []event) Track {
	power, etcd := []Span{}, []Span{}
	for _, e := range events {
		switch {
		case e.power != nil && *e.power:
			power = begun(power, e.at)
		case e.power != nil:
			power, etcd = ended(power, e.at), ended(etcd, e.at)
		case *e.etcd:
			etcd = begun(etcd, e.at)
		default:
			etcd = ended(etcd, e.at)
		}
	}
	return Track{Host: host, Power: power, Etcd: etcd}
}

// begun begins a span, and ends one whose end nobody told.
func begun(spans []Span, at time.Duration) []Span {
	return append(ended(spans, at), Span{From: at.Milliseconds()})
}

// ended ends the last span, if that has not ended.
func ended(spans []Span, at time.Duration) []Span {
	if n := len(spans); n > 0 && spans[n-1].To == nil {
		to := at.Milliseconds()
		spans[n-1].To = &to
	}
	return spans
}
