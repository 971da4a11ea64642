package gameday

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// pace is how often the pages hear, and how long they may take to.
type pace struct {
	change time.Duration // at the least between two events of a page
	beat   time.Duration // between two signs of life on a stream
	write  time.Duration // that a browser may take to accept one event
	grace  time.Duration // that Close leaves for what was answered to be read
}

var usual = pace{change: 200 * time.Millisecond, beat: 10 * time.Second, write: 10 * time.Second, grace: 2 * time.Second}

// Limits of what one client can cost.
const (
	headerLimit = 10 * time.Second // for a request to be read
	idleLimit   = 2 * time.Minute  // for a connection without one
	mostHeader  = 16 << 10         // bytes
	mostStreams = 1000             // of both pages
)

// Server serves the pages of one exercise.
type Server struct {
	http        *http.Server
	exercise    Exercise
	pace        pace
	names       hostNames
	origins     *http.CrossOriginProtection
	routes      map[string]route
	wall        *door
	facilitator *door
	nonce       string // tells another server at the same address from this one
	walls       *feed
	stages      *feed

	ctx    context.Context // of whatever the pages ask of the exercise
	end    context.CancelFunc
	crew   crew.Crew // takes connections, and keeps the feeds
	closes sync.Once
	ending error // what Close returned

	mu       sync.Mutex
	closed   bool
	streams  int
	requests sync.WaitGroup
	troubles []error // that whoever closes should know
}

// Listen opens the pages at a TCP address, host:port. Without a host it is on
// loopback, and "" is any free port there. To be reached from other machines the
// address must say so, "0.0.0.0:8080" say, and then the wall demands a token as the
// facilitator's page always does. The server serves until Close, which must be
// called, and no longer than ctx.
func Listen(ctx context.Context, address string, e Exercise) (*Server, error) {
	return listen(ctx, address, e, usual)
}

func listen(ctx context.Context, address string, e Exercise, p pace) (*Server, error) {
	listener, host, err := listenAt(ctx, address)
	if err != nil {
		return nil, err
	}
	s := newServer(ctx, namesOf(host, listener.Addr()), e, p)
	for _, f := range []*feed{s.walls, s.stages} {
		s.crew.Go(func() { f.run(s.ctx) })
	}
	s.crew.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.trouble(fmt.Errorf("serve the game day's pages at %s: %w", listener.Addr(), err))
		}
	})
	return s, nil
}

// newServer is a server that listens nowhere, and whose feeds do not run.
func newServer(ctx context.Context, names hostNames, e Exercise, p pace) *Server {
	s := &Server{
		exercise: e, pace: p, names: names, origins: http.NewCrossOriginProtection(), nonce: secret(),
		wall:        newDoor("wall", "/", names, names.loopback),
		facilitator: newDoor("facilitator", "/facilitator", names, false),
		walls:       newFeed(e, func() any { return wallEventOf(e.Wall()) }, p.change),
		stages:      newFeed(e, func() any { return stageEventOf(e.Stage()) }, p.change),
	}
	s.ctx, s.end = context.WithCancel(ctx)
	s.routes = s.allRoutes()
	s.http = &http.Server{
		Handler: s, BaseContext: func(net.Listener) context.Context { return s.ctx },
		ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: mostHeader,
		ErrorLog: log.New(io.Discard, "", 0), // what browsers do wrong is not on the drill's timeline
	}
	return s
}

// WallURL is where everybody may look. It holds a token unless it is on loopback.
func (s *Server) WallURL() string { return s.wall.url(s.names) }

// FacilitatorURL is where the facilitator looks. Who has it can see what broke, and
// break more.
func (s *Server) FacilitatorURL() string { return s.facilitator.url(s.names) }

// Close sends what is newest to all pages, ends their streams, and returns when
// nothing of the server runs any more. Whatever a page asked of the exercise is
// waited for, with an ended context. The error says what went wrong meanwhile: a
// panic of the exercise's, connections that could not be taken any more. Later calls
// return the same.
func (s *Server) Close() error {
	s.closes.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.end()
		patience, stop := context.WithTimeout(context.Background(), s.pace.grace)
		defer stop()
		// That somebody did not take an answer is their affair.
		_ = s.http.Shutdown(patience)
		_ = s.http.Close()
		s.requests.Wait()
		crash := crew.Caught(s.crew.Wait)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ending = errors.Join(append(s.troubles, crash)...)
	})
	return s.ending
}

// begin tells whether a request may still be answered; then finish follows.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return false
	}
	s.requests.Add(1)
	return true
}

func (s *Server) finish() { s.requests.Done() }

// trouble keeps an error for whoever closes. The first few tell it all.
func (s *Server) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.troubles) < 5 {
		s.troubles = append(s.troubles, err)
	}
}
