package harness

import (
	"fmt"
	"time"
)

// Scenario is one documented disaster and its documented recovery. It names no
// runtime: it runs wherever hosts can be had.
type Scenario struct {
	Name    string // as the command line spells it
	Source  Source
	Summary string // one line
	Labels  []string
	Given   ClusterSpec
	Under   Traffic
	Backups BackupJob
	Break   []Fault
	// OldHostsReturn: hosts that Break left without power may be given it again by
	// whoever recovers by hand, because Recover does so itself. Otherwise they are lost.
	OldHostsReturn bool
	// AtBirth: Break strikes while the cluster is first created, before any etcd
	// was started. Preload, traffic and steady state come after the procedure, so
	// that nothing was ever acknowledged that could be lost.
	AtBirth bool
	// VariantOf names the scenario whose disaster this one recovers from in
	// another way, or whose procedure it carries out after another disaster; the
	// figures of both are then shown side by side.
	VariantOf string
	// Premises must have happened for the drill to mean anything.
	Premises []Check
	// Recover is the procedure; nil: nobody does anything.
	Recover  Procedure
	Promises []Check
	// Sized is what the scenario is for another number of members than Given's, where
	// more depends on that than who they are: what breaks, the premises, the
	// procedure, the promises. It changes a copy; nil: nothing depends on it.
	Sized   func(of *Scenario, members int)
	Hazards []Check
	// StandIns name what stands in for things the document relies on that are not etcd's.
	StandIns []string
	// LeftOut name what the document says that the procedure does not carry out, each
	// with its place there and the reason.
	LeftOut []string
	Within  time.Duration // the procedure's deadline, nothing else
}

// WithMembers is the scenario, as the catalogue has it, for so many members; 0: as it is. Whether there is one
// is for OnlyBecause and the procedure's steps to say.
func (s Scenario) WithMembers(members int) Scenario {
	if members == 0 || members == s.Given.Members {
		return s
	}
	s.Given.Members = members
	if s.Sized != nil {
		s.Sized(&s, members)
	}
	return s
}

// Changed is the scenario with a change that it has for any number of members.
func (s Scenario) Changed(change func(*Scenario)) Scenario {
	if sized := s.Sized; sized != nil {
		s.Sized = func(of *Scenario, members int) {
			sized(of, members)
			change(of)
		}
	}
	change(&s)
	return s
}

// ClusterSpec is the cluster as it was born.
type ClusterSpec struct {
	Members int // from 1
	// OnlyBecause says why Members cannot be changed by the user; "" means the
	// document's procedure generalises, as far as Procedure.Steps agrees.
	OnlyBecause string
	Token       string // initial cluster token; "" is etcd's default
	// Grown: born as a cluster of the first member alone, which the others were
	// added to one by one. Otherwise all are initial members. It decides the
	// cluster ID, which is the hash of the initial members' IDs.
	Grown bool
	// TLS is where each host has its certificates; zero: the cluster has none.
	TLS TLSFiles
	// Auth: etcd's own authentication is enabled. Whoever shows a certificate of
	// the common name root is root: an operator's etcdctl (TLS.ClientCert), and the
	// traffic. Beside it a client "app" logs in by name and password before the
	// strike, and may do nothing but below a prefix of its own.
	Auth bool
	// Files are on the hosts' disks from the start, beside etcd.
	Files []HostFile
}

// Hosts names those that the cluster is born on, in the order in which they join it
// where it has Grown.
func (c ClusterSpec) Hosts() []string { return HostNames(1, c.Members) }

// HostName is what the host of this number is called, from 1: "m1". A cluster is born on
// the first ones, and whoever recovers it orders new ones from there on.
func HostName(number int) string { return fmt.Sprintf("m%d", number) }

// HostNames names so many hosts, from the first's number on.
func HostNames(first, count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = HostName(first + i)
	}
	return names
}

// TLSFiles are the paths on a host of the cluster's certificates, for clients and
// peers alike, and of the keys to them.
type TLSFiles struct {
	CA                string // of the authority
	CAKey             string // where a bundle has the authority's key; no host needs it
	Cert, Key         string // the host's own, as a server and as a client
	PeerCert, PeerKey string // the same among members
	// ClientCert and ClientKey are what etcdctl on the host shows, of the common
	// name root; "": the host's own.
	ClientCert, ClientKey string
}

// Flags are the server flags ("name=value") by which etcd takes nothing but TLS,
// from whoever has a certificate of the authority; none for the zero value.
func (t TLSFiles) Flags() []string {
	if t == (TLSFiles{}) {
		return nil
	}
	return []string{
		"client-cert-auth=true", "trusted-ca-file=" + t.CA, "cert-file=" + t.Cert, "key-file=" + t.Key,
		"peer-client-cert-auth=true", "peer-trusted-ca-file=" + t.CA, "peer-cert-file=" + t.PeerCert, "peer-key-file=" + t.PeerKey,
	}
}

// Scheme is that of the URLs of members.
func (t TLSFiles) Scheme() string {
	if t == (TLSFiles{}) {
		return "http"
	}
	return "https"
}

// HostFile is a file that hosts are born with.
type HostFile struct {
	On   Selector // among the hosts that the cluster is born on
	Path string   // absolute, on the host
	Text string
}

// Traffic is what clients do throughout the drill.
type Traffic struct {
	Writers   int // writers, each with keys of its own
	Rate      int // writes per second, all writers together
	ValueSize int // bytes of each value
	// Leases, each kept alive, with two keys each. Where there are any there is one
	// more, with one key, that has an hour and that nobody renews.
	Leases int
}

// KubernetesTraffic is shaped as an API server's: creates and updates by
// mod_revision in transactions, deletes, pairs of keys, leased keys apart.
var KubernetesTraffic = Traffic{Writers: 6, Rate: 120, ValueSize: 512, Leases: 3}

const (
	// GapThreshold is how long acknowledged probes must be missing to count as an
	// outage: twelve probes in a row, and well above an election-free hiccup.
	GapThreshold = 250 * time.Millisecond
	// ElectionTimeout is etcd's own default for --election-timeout.
	ElectionTimeout = time.Second
	// StockPeriod is how often the client with stock settings writes. It writes
	// one after the other, so its gaps count only beyond threshold and period.
	StockPeriod = 100 * time.Millisecond
)

// BackupJob is the site's own backup job. The zero value takes none.
type BackupJob struct {
	Every time.Duration // from the beginning of one to the beginning of the next
	// Age is how old the newest backup is when disaster strikes, from its
	// beginning on; less than Every. 0: the seed says. Where what is shown depends
	// on a loss, chance must not let the strike follow a backup at once.
	Age time.Duration
	// Bucket: backups are kept in this bucket of an S3 server, the drill's own
	// unless the user names another store. "": in a directory.
	Bucket string
	// Bundle is the object beside them that holds the cluster's certificates and
	// the authority's key, "" for none. See TLSFiles.CAKey.
	Bundle string
	Keep   Retention // zero: everything
	// Unverified: a backup is kept as it came, without its trailer hash having been
	// computed again. Whoever recovers verifies it all the same, and passes it over
	// if it is damaged.
	Unverified bool
	// Dies is for sabotage alone: after so many backups the job stops without a word,
	// and the strike comes once the newest is older than DeadFor intervals and twice
	// what a backup took. 0: it does not.
	Dies int
}

// DeadFor is how many intervals a job that died (BackupJob.Dies) has missed when
// disaster strikes.
const DeadFor = 3

// Retention is which backups are kept. Once another one was kept, whatever exceeds
// either bound is removed, but never that one. Backups that were not kept at all,
// because they failed or did not verify, are not counted, so that the newest that
// verifies stays; of an Unverified job nobody knows which that is. The zero value
// keeps everything.
type Retention struct {
	Count int           // how many, from 1; 0: however many
	Age   time.Duration // how old, from its beginning; 0: however old
}
