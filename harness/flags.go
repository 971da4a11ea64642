package harness

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BirthFlags are the server flags of an etcd ("name=value", without dashes) that
// is a member of its cluster from its birth, or joins it with state "existing".
// peer and client are its URLs, initial is the cluster as --initial-cluster
// wants it.
func BirthFlags(name, peer, client, initial, state, token string) []string {
	return []string{
		"name=" + name,
		"data-dir=" + DataDir,
		"listen-peer-urls=" + peer,
		"initial-advertise-peer-urls=" + peer,
		"listen-client-urls=" + client,
		"advertise-client-urls=" + client,
		"initial-cluster=" + initial,
		"initial-cluster-state=" + state,
		"initial-cluster-token=" + token,
	}
}

// ElectionTimeoutOf is the --election-timeout of an etcd with these flags, without
// dashes; 0: etcd would not take it.
func ElectionTimeoutOf(flags []string) time.Duration {
	timeout := ElectionTimeout
	for _, flag := range flags {
		if value, ok := strings.CutPrefix(flag, "election-timeout="); ok {
			ms, err := strconv.Atoi(value)
			if err != nil || ms <= 0 {
				return 0
			}
			timeout = time.Duration(ms) * time.Millisecond
		}
	}
	return timeout
}

// QuotaDefault is etcd's quota of bytes where nobody sets another.
const QuotaDefault = 2 << 30

const quotaFlag = "quota-backend-bytes"

// RaisedQuota is the server flag of members whose database would come to so many
// bytes, and that would nearly fill etcd's default quota: twice as much. "" where it
// would not, or where the flags set a quota already.
func RaisedQuota(flags []string, bytes int64) string {
	if bytes < QuotaDefault*9/10 || slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, quotaFlag+"=") }) {
		return ""
	}
	return fmt.Sprintf("%s=%d", quotaFlag, 2*bytes)
}

// UserFlags takes the dashes off the server flags that a user gave, and refuses
// those that are no user's to give.
func UserFlags(args []string) ([]string, error) {
	var flags []string
	for _, arg := range args {
		flag := strings.TrimLeft(arg, "-")
		if name, _, _ := strings.Cut(flag, "="); name == "" || strings.ContainsAny(arg, " \n\t'") {
			return nil, fmt.Errorf("etcd flag %q: give it as --name=value", arg)
		} else if ownFlags[name] {
			return nil, fmt.Errorf("etcd flag --%s is set by the drill itself and cannot be given", name)
		}
		flags = append(flags, flag)
	}
	return flags, nil
}

// ownFlags are the server flags that make a host a member of its own cluster.
var ownFlags = map[string]bool{
	"name": true, "data-dir": true, "config-file": true, "force-new-cluster": true,
	"listen-client-urls": true, "advertise-client-urls": true, "listen-peer-urls": true,
	"initial-advertise-peer-urls": true, "initial-cluster": true, "initial-cluster-state": true, "initial-cluster-token": true,
	"discovery": true, "discovery-srv": true,
}
