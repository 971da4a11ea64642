//go:build unix

package operator

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// The variables that lead a program of the operator's own to its drill. Nothing
// else does.
const (
	BastionVariable = "FIREDRILL_BASTION" // the path of the socket
	ByVariable      = "FIREDRILL_BY"      // who types
)

// nowhere is where etcdctl is sent while the drill has no endpoint. Left alone it
// would take 127.0.0.1:2379, where somebody's own etcd may be.
const nowhere = "http://no-endpoint-is-known.invalid:2379"

// Facts are what a drill tells the operator, through the environment. What is
// empty is set and empty, so that a script under `set -u` may ask for it; but
// the token and the backups, of which a script would make a wrong command or
// path, are not set at all then.
type Facts struct {
	Bastion string // the path of the socket that leads to the hosts
	By      string // who types, e.g. the program's name

	Endpoints []string // for etcdctl: client URLs as they are reached from here; none: it is sent nowhere
	Token     string   // the cluster's, at birth
	Backups   string   // a directory, or the s3:// URL of a bucket; "": there are none
	S3        *S3      // the drill's own server, where backups are there

	// Hosts are all that the cluster was born on, and that were ordered since; Up and
	// Lost divide them; Spares are ready to be used. By name.
	Hosts, Up, Lost, Spares []string
	// PeerURLs and ClientURLs are by host, as the hosts reach each other.
	PeerURLs, ClientURLs map[string]string
}

// S3 is an S3 server of the drill's own. However it is printed, the secret is
// not in it.
type S3 struct{ Endpoint, Region, AccessKey, SecretKey string }

// Format prints that this is a server, whatever the verb.
func (S3) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(S3 server)") }

// defaultPath is where programs are found where the caller's environment does not say.
const defaultPath = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

// Environment is the whole environment of a program at this desk: own, the
// caller's ("NAME=value"), without what is of another drill, of another cluster
// or leads to where the caller works, and then the facts, by name:
//
//	PATH                        the desk's tools first
//	ETCDCTL_ENDPOINTS           comma-separated
//	ETCDCTL_CACERT, _CERT, _KEY where the desk has certificates
//	FIREDRILL_BASTION, _BY
//	FIREDRILL_HOSTS, _HOSTS_UP, _HOSTS_LOST, _SPARES    names, separated by spaces
//	FIREDRILL_BACKUPS, _CLUSTER_TOKEN
//	FIREDRILL_PEER_URL_m1, FIREDRILL_CLIENT_URL_m1      a host's; - becomes _
//	AWS_*                       the drill's own S3 server's, in place of the caller's
func (d *Desk) Environment(own []string, f Facts) []string { return d.Kit(f).Environment(own) }

// Kit is what a desk adds to the environment of a program, without the caller's own:
// for one that somebody else starts, in a terminal of his. Its JSON holds whatever
// secret the facts do.
type Kit struct {
	Bin string            `json:"bin"` // the directory of the desk's tools
	Set map[string]string `json:"set"` // variables, but PATH
}

// Kit makes the desk's kit of these facts.
func (d *Desk) Kit(f Facts) Kit {
	set := map[string]string{
		BastionVariable: f.Bastion, ByVariable: f.By,
		"FIREDRILL_HOSTS":      strings.Join(f.Hosts, " "),
		"FIREDRILL_HOSTS_UP":   strings.Join(f.Up, " "),
		"FIREDRILL_HOSTS_LOST": strings.Join(f.Lost, " "),
		"FIREDRILL_SPARES":     strings.Join(f.Spares, " "),
		"ETCDCTL_ENDPOINTS":    cmp.Or(strings.Join(f.Endpoints, ","), nowhere),
	}
	for name, value := range map[string]string{"FIREDRILL_CLUSTER_TOKEN": f.Token, "FIREDRILL_BACKUPS": f.Backups} {
		if value != "" {
			set[name] = value
		}
	}
	for host, url := range f.PeerURLs {
		set["FIREDRILL_PEER_URL_"+variable(host)] = url
	}
	for host, url := range f.ClientURLs {
		set["FIREDRILL_CLIENT_URL_"+variable(host)] = url
	}
	if d.certs.Load() {
		pki := filepath.Join(d.dir, pkiDir)
		set["ETCDCTL_CACERT"], set["ETCDCTL_CERT"], set["ETCDCTL_KEY"] = filepath.Join(pki, caFile), filepath.Join(pki, certFile), filepath.Join(pki, keyFile)
	}
	if s := f.S3; s != nil {
		set[s3Variable], set["AWS_ACCESS_KEY_ID"], set["AWS_SECRET_ACCESS_KEY"] = s.Endpoint, s.AccessKey, s.SecretKey
		set["AWS_REGION"], set["AWS_DEFAULT_REGION"] = s.Region, s.Region
	}
	return Kit{Bin: filepath.Join(d.dir, binDir), Set: set}
}

// Exports are the kit's variables as lines that a POSIX shell reads: `export NAME='VALUE'`.
func (k Kit) Exports() string {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(k.Set)) {
		fmt.Fprintf(&lines, "export %s='%s'\n", name, strings.ReplaceAll(k.Set[name], "'", `'\''`))
	}
	return lines.String()
}

// s3Variable names the drill's own S3 server, where there is one.
const s3Variable = "AWS_ENDPOINT_URL"

// Environment is as Desk.Environment.
func (k Kit) Environment(own []string) []string {
	_, s3 := k.Set[s3Variable]
	path := defaultPath
	var env []string
	for _, entry := range own {
		name, value, ok := strings.Cut(entry, "=")
		switch {
		case !ok || foreign(name) || s3 && strings.HasPrefix(name, "AWS_"):
		case name == "PATH":
			path = cmp.Or(value, path)
		default:
			env = append(env, entry)
		}
	}
	env = append(env, "PATH="+k.Bin+":"+path)
	for _, name := range slices.Sorted(maps.Keys(k.Set)) {
		env = append(env, name+"="+k.Set[name])
	}
	return env
}

// foreign tells whether a variable of the caller's is none of the program's
// business: those of a shell that say where it is and what it ran last, those
// of another drill, and those that make etcdctl speak to another cluster.
func foreign(name string) bool {
	return slices.Contains([]string{"", "PWD", "OLDPWD", "_"}, name) ||
		strings.HasPrefix(name, "FIREDRILL_") || strings.HasPrefix(name, "ETCDCTL_")
}

// variable is a host's name as part of a variable's.
func variable(host string) string { return strings.ReplaceAll(host, "-", "_") }
