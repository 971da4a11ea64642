// Package eviction ends processes that are found by what they are, not by what
// somebody noted down of them: whoever asks gives the rule by which one of them
// is known.
//
// Each is held by a handle to the process itself (a pidfd) before it is looked
// at, so that a process ID that was given to somebody else meanwhile is never
// mistaken for it, and its end is awaited by that handle. What is born while
// others are being ended is found by the next look; End returns once a look
// finds nobody.
//
// It is apart because hosts that are processes and programs of the operator's
// own both end like this, and share no more than that. It needs Linux, and
// imports the standard library and golang.org/x/sys/unix.
package eviction
