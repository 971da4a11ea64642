package client

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// A request that waits for a server is noted again when it is given to one, and no other
// request's note is heard of.
func TestSending(t *testing.T) {
	cluster, member := started(t)
	ours, theirs := open2(t, cluster)
	served(t, ours)
	served(t, theirs)
	if err := member.Kill(); err != nil {
		t.Fatal(err)
	}
	var last atomic.Pointer[time.Time]
	begun, answered := make(chan struct{}, 1), make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	go func() {
		_, err := ours.Get(Sending(ctx, func() {
			now := time.Now()
			last.Store(&now)
			select {
			case begun <- struct{}{}:
			default:
			}
		}), "k")
		answered <- err
	}()
	<-begun
	back := time.Now()
	if err := member.Start(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	first := *last.Load()
	if first.Before(back) {
		t.Errorf("it was noted last %v before there was a server", back.Sub(first))
	}
	served(t, ours)
	if is := *last.Load(); is != first {
		t.Error("another request was noted")
	}
}
