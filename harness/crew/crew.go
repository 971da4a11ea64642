package crew

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Crew is goroutines that one part of a drill starts and waits for. A panic in
// one of them becomes the panic of whoever waits. The zero value is ready for use.
type Crew struct {
	running sync.WaitGroup

	mu    sync.Mutex
	crash error // the first
}

// Go runs do in a goroutine of its own.
func (c *Crew) Go(do func()) {
	c.running.Go(func() {
		if crash := Caught(do); crash != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.crash == nil {
				c.crash = crash
			}
		}
	})
}

// Wait returns when all have ended, and panics with a *Crash if one of them did.
func (c *Crew) Wait() {
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crash != nil {
		panic(c.crash)
	}
}

// Crash is a panic with the stack of the goroutine that it happened in.
type Crash struct {
	Value any
	Stack []byte
}

func (c *Crash) Error() string { return fmt.Sprintf("%v\n%s", c.Value, c.Stack) }

// Crashed makes a Crash of what recover returned. It is called where the
// goroutine's stack is still that of the panic: in the deferred function.
func Crashed(value any) *Crash {
	if c, ok := value.(*Crash); ok {
		return c
	}
	return &Crash{Value: value, Stack: debug.Stack()}
}

// Surely runs do. If that panics, the error is the *Crash.
func Surely(do func() error) (err error) {
	crash := Caught(func() { err = do() })
	if crash != nil {
		return crash
	}
	return err
}

// Caught runs do. If that panics, the error is the *Crash.
func Caught(do func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Crashed(p)
		}
	}()
	do()
	return nil
}
