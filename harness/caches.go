package harness

import "time"

// CacheRecord is one long-lived client as the Kubernetes components are: a cache
// that listed the traffic's keys but the leased ones, watches them, and where its
// stream breaks watches again from the last revision it saw. Nothing but being
// told "compacted", or being restarted, makes it list again.
type CacheRecord struct {
	Name  string      `json:"name"`          // the component that it stands for, such as "kube-apiserver"
	Lists []CacheList `json:"lists"`         // in order, the first is the one it was born with
	Last  int64       `json:"last_revision"` // of its last list, or of the last change that it saw since
	// Stale is when it was served from another history than the one its contents
	// are from, and nobody had told it.
	Stale []CacheSpan `json:"stale"`
	// Compared is how it stood beside the cluster when the traffic had ended;
	// nil: they could not be compared, and Error says why.
	Compared *CacheComparison `json:"compared,omitempty"`
	Error    string           `json:"error,omitempty"`
}

// ListReason is why a cache listed.
type ListReason string

// Why caches list.
const (
	CacheBorn      ListReason = "born"
	CacheTold      ListReason = "compacted" // etcd said that changes are missing
	CacheRestarted ListReason = "restarted" // the procedure restarted the component
)

// CacheList is one list, which replaced all that the cache held.
type CacheList struct {
	At       time.Duration `json:"at_ns"` // when it was answered
	Revision int64         `json:"revision"`
	Keys     int           `json:"keys"`
	Reason   ListReason    `json:"reason"`
}

// CacheSpan is one time for which a cache was stale: from its first stream from
// the other history until it listed again, or was compared at the end.
type CacheSpan struct {
	Since time.Duration `json:"since_ns"`
	Until time.Duration `json:"until_ns"` // 0: it was never listed again nor compared
}

// CacheComparison holds what a cache has against a linearizable read of the same
// keys, once all changes up to the read's revision had come to it, or could no
// longer come. Versions are told apart by mod_revision and the value's hash.
type CacheComparison struct {
	At        time.Duration `json:"at_ns"`
	Revision  int64         `json:"revision"`  // the read's
	Keys      int           `json:"keys"`      // that the cluster holds
	Stale     int           `json:"stale"`     // keys of which the cache holds another version
	Missing   int           `json:"missing"`   // keys that the cluster holds and the cache does not
	Surplus   int           `json:"surplus"`   // keys that the cache holds and the cluster does not
	Differing []string      `json:"differing"` // the first few of them in byte order, never their values
}

// Equal tells that the cache held what the cluster held.
func (c CacheComparison) Equal() bool { return c.Stale+c.Missing+c.Surplus == 0 }
