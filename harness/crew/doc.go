// Package crew keeps a panic from ending the process: goroutines that somebody
// waits for, and errors made of panics.
//
// A panic that leaves its goroutine ends the program with status 2, which to CI
// means "inconclusive", and leaves every host standing. So each goroutine that
// runs what others wrote (faults, steps, sinks, callbacks) is one of a Crew,
// where the panic becomes that of whoever waits, or is run by Caught, where it
// becomes an error. Either ends the drill as a fault of the harness's.
//
// It is apart because drills, their traffic, observers, faults and hosts all
// start goroutines. It imports the standard library alone.
package crew
