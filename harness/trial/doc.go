// Package trial holds what is done to a recovered cluster to learn more than
// looking tells: kill a member, restart one, power the dead on again. Trials run after the evidence was
// collected and leave records of their own; what etcd does in them is never an
// error. It imports harness and crew.
package trial
