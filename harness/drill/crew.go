package drill

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// crew is goroutines that one part of a drill starts and waits for. A panic in
// one of them becomes the panic of whoever waits: left where it is, it would end
// the process with every host standing.
type crew struct {
	running sync.WaitGroup

	mu    sync.Mutex
	crash *crash // the first
}

// crash is a panic with the stack of the goroutine that it happened in.
type crash struct {
	value any
	stack []byte
}

func (c *crash) String() string { return fmt.Sprintf("%v\n%s", c.value, c.stack) }

// crashed makes a crash of what recover returned. It is called where the
// goroutine's stack is still that of the panic: in the deferred function.
func crashed(value any) *crash {
	if c, ok := value.(*crash); ok {
		return c
	}
	return &crash{value: value, stack: debug.Stack()}
}

func (c *crew) Go(do func()) {
	c.running.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				if c.crash == nil {
					c.crash = crashed(p)
				}
			}
		}()
		do()
	})
}

// Wait returns when all have ended, and panics if one of them did.
func (c *crew) Wait() {
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crash != nil {
		panic(c.crash)
	}
}
