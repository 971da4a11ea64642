// Package owner says whom the remains of a drill belong to: a living process,
// or nobody.
//
// Every drill has a directory, <base>/<drill>, and in it a lock that its
// process holds for as long as it lives. The kernel drops the lock with the
// process, however that ends, so a lock that nobody holds means that whatever
// carries the drill's ID may be swept: processes, directories, containers,
// networks, volumes. No record of process IDs could say that.
//
// It is apart because both runtimes claim and sweep by the same rule, in the
// same directory. It imports the standard library alone and knows neither.
package owner
