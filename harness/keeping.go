package harness

import "strings"

// Keeping is what kind of store a drill's backups were kept in: its path or bucket may have
// another name on every machine.
type Keeping string

// The kinds of stores.
const (
	KeptInOwn       Keeping = "own"       // the drill's: a directory, or a bucket of a server of its own
	KeptInDirectory Keeping = "directory" // that the user named
	KeptInS3        Keeping = "s3"        // a bucket that the user named
)

// KeepingOf is what kind of store a location is: "" is the drill's own.
func KeepingOf(location string) Keeping {
	switch {
	case location == "":
		return KeptInOwn
	case InS3(location):
		return KeptInS3
	}
	return KeptInDirectory
}

// InS3 tells a location in a bucket, s3://BUCKET[/PREFIX], from a path.
func InS3(location string) bool { return strings.HasPrefix(location, "s3://") }
