package rehearse

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// Options are what to rehearse and what must hold of it. Bounds that are 0 are
// not asked for.
type Options struct {
	Snapshot    string            // a file, a directory of files, s3://BUCKET/KEY, s3://BUCKET/PREFIX or s3://BUCKET/PREFIX*
	S3Endpoint  string            // URL of the S3 server; "": Amazon's
	Credentials store.Credentials // for it; zero: from the environment, as store.Options says
	Members     int               // of the throw-away cluster, 1 to 9; 0: DefaultMembers
	EtcdArgs    []string          // more server flags for every member, "--name=value"
	As          observe.Login     // who asks a cluster with authentication; zero: nobody
	NoKeys      bool              // keys are counted, and what they begin with is not told
	Version     string            // of firedrill

	MaxAge   time.Duration // the snapshot was last modified no longer ago
	RTO      time.Duration // every member serves the same so soon after the fetch began
	MinKeys  int64         // there are so many keys at least
	Revision int64         // the snapshot's revision is at least this

	Progress func(harness.Event) // called for each line of progress, one at a time
}

// DefaultMembers is how many members the throw-away cluster has.
const DefaultMembers = 3

// most members: more than etcd's own advice for any cluster.
const most = 9

// Validate tells whether this can be rehearsed, before anything is started or
// looked at.
func (o Options) Validate() error {
	_, err := planned(o)
	return err
}

// plan is the options worked out.
type plan struct {
	hosts []string
	args  []string // server flags without dashes
}

func planned(o Options) (plan, error) {
	members := o.Members
	if members == 0 {
		members = DefaultMembers
	}
	switch {
	case o.Snapshot == "":
		return plan{}, errors.New("rehearse: no snapshot was given\nhint: name a file, a directory of them, or s3://BUCKET/PREFIX")
	case o.Snapshot == "-":
		return plan{}, errors.New("rehearse: a snapshot cannot be read from standard input, which nothing could tell the age of\nhint: write it to a file and name that")
	case strings.Contains(o.Snapshot, "://") && !harness.InS3(o.Snapshot):
		// What is not understood is not repeated: it may hold a password.
		return plan{}, errors.New("rehearse: the snapshot is neither a path nor an s3:// URL\nhint: name a file, a directory of them, or s3://BUCKET/PREFIX")
	case o.S3Endpoint != "" && !harness.InS3(o.Snapshot):
		return plan{}, errors.New("rehearse: an S3 endpoint was given, and the snapshot is a path\nhint: give s3://BUCKET/PREFIX, or leave the endpoint out")
	case members < 1 || members > most:
		return plan{}, fmt.Errorf("rehearse: %d members\nhint: from 1 to %d are possible", members, most)
	case o.MaxAge < 0 || o.RTO < 0:
		return plan{}, errors.New("rehearse: a time limit is negative\nhint: give it as 90s, 15m or 26h")
	case o.MinKeys < 0 || o.Revision < 0:
		return plan{}, errors.New("rehearse: numbers of keys and revisions cannot be negative\nhint: 0 asks for nothing")
	case o.As.Name == "" && o.As.Password != "":
		return plan{}, errors.New("rehearse: a password was given for nobody\nhint: give --user NAME:PASSWORD")
	}
	args, err := harness.UserFlags(o.EtcdArgs)
	if err != nil {
		return plan{}, fmt.Errorf("rehearse: %w\nhint: firedrill rehearse --help tells what each flag takes", err)
	}
	return plan{args: args, hosts: harness.HostNames(1, members)}, nil
}
