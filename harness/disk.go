package harness

import (
	"path"
	"time"
)

// HostDisk is what lay on one host's disk: what etcd is told there, and its data. A
// running etcd writes to its files all the time, so they are told by what it leaves
// alone: which files they are, and how they begin.
type HostDisk struct {
	Host  string        `json:"host"`
	At    time.Duration `json:"at_ns"`           // when it had been looked at
	Off   bool          `json:"off,omitempty"`   // the host was off: nothing below was seen
	Error string        `json:"error,omitempty"` // it could not be looked at: nothing below was seen

	// Manifest is the SHA-256 of etcd's manifest, hexadecimal; "" if there is none.
	Manifest string `json:"manifest_sha256,omitempty"`
	// Files are the directory of etcd's data and what lies in it: the directories, the
	// database, the parts of the write-ahead log, the snapshots of its index; the log's
	// own directory as well, where it lies elsewhere. By path. None: there are no data.
	Files []DiskFile `json:"files"`
	// Database tells that the database begins as one.
	Database bool `json:"database"`
	// LogHead is the SHA-256 of the first 4 KiB of the log's oldest part, which are not
	// written again, hexadecimal; "" if there is none, or they were not full yet.
	LogHead string `json:"log_head_sha256,omitempty"`
}

// DiskFile is one file, or directory, of etcd's on a host: a file that another one
// was put in the place of has another inode.
type DiskFile struct {
	Path  string `json:"path"`
	Inode uint64 `json:"inode,string"`
}

// Bare tells whether the host was on, and had neither a manifest nor data of etcd's.
func (d HostDisk) Bare() bool {
	return !d.Off && d.Error == "" && d.Manifest == "" && !d.Database && d.OldestLog() == ""
}

// OldestLog is the path of the write-ahead log's oldest part; "" if there is none.
func (d HostDisk) OldestLog() string {
	for _, f := range d.Files {
		if path.Ext(f.Path) == LogExt {
			return f.Path
		}
	}
	return ""
}

// The endings of the files of which etcd itself makes new ones and removes the
// oldest, and how many it keeps unless it is told otherwise. Their names tell their
// order.
const (
	LogExt      = ".wal"
	SnapshotExt = ".snap"
	KeptFiles   = 5
)
