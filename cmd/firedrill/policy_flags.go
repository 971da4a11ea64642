package main

import (
	"errors"
	"fmt"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// planFlag is a key of a policy file as a flag. What is typed is looked at as it is
// read, and goes before the file's.
type planFlag struct {
	key, flag, kind, usage string
	many                   bool // a list, which may be typed in parts
	value                  string
}

// planFlags are all keys of a policy file.
func planFlags() []*planFlag {
	defaults := policy.Defaults()
	say := func(key, text string) string { return fmt.Sprintf("%s (default: %s)", text, defaults.Get(key)) }
	return []*planFlag{
		{key: "policy.name", flag: "name", kind: "name", usage: "what the policy is called (default: the file's name)"},
		{key: "policy.interval", flag: "interval", kind: "duration", usage: "from the beginning of one snapshot to that of the next, as 30m"},
		{key: "policy.retention.count", flag: "retention-count", kind: "n", usage: "how many snapshots are kept (default: all)"},
		{key: "policy.retention.age", flag: "retention-age", kind: "duration", usage: "how old a snapshot becomes, as 72h (default: as old as may be)"},
		{key: "policy.store", flag: "store", kind: "where", usage: "keep snapshots in a directory or s3://bucket/prefix (default: each drill's own)"},
		{key: "policy.s3_endpoint", flag: "s3-endpoint", kind: "url", usage: "of the S3 server (default: Amazon's); credentials come from AWS_* variables and files"},
		{key: "policy.verify", flag: "verify", kind: "how", usage: say("policy.verify", "how a snapshot is verified when it is taken: trailer or none")},
		{key: "policy.targets.rto", flag: "rto", kind: "duration", usage: "promised time from the strike to the first acknowledged write"},
		{key: "policy.targets.rpo", flag: "rpo", kind: "duration", usage: "promised time whose acknowledged writes may be lost"},
		{key: "sweep.sizes", flag: "sizes", kind: "list", many: true, usage: "of the database, as 256MiB,1GiB,4GiB"},
		{key: "sweep.value_sizes", flag: "value-sizes", kind: "list", many: true, usage: say("sweep.value_sizes", "bytes of each value")},
		{key: "sweep.members", flag: "members", kind: "list", many: true, usage: say("sweep.members", "of the cluster, as 1,3,5")},
		{key: "sweep.procedures", flag: "procedures", kind: "list", many: true, usage: "scenarios that restore a snapshot"},
		{key: "sweep.runs", flag: "runs", kind: "n", usage: say("sweep.runs", "drills for each size, value size, number of members and procedure")},
		{key: "sweep.seed", flag: "seed", kind: "n", usage: say("sweep.seed", "of the first run; each has the next")},
		{key: "sweep.time_scale", flag: "time-scale", kind: "factor", usage: say("sweep.time_scale", "how many times shorter interval and ages are in the drills")},
		{key: "sweep.within", flag: "within", kind: "duration", usage: "how long a procedure may take (default: the scenario's deadline or the RTO, and more for large databases)"},
		{key: "sweep.writers", flag: "writers", kind: "n", usage: "writers (default: the scenario's own)"},
		{key: "sweep.rate", flag: "rate", kind: "n", usage: "writes per second, all writers together (default: the scenario's own)"},
	}
}

func (f *planFlag) String() string { return f.value }

// Type is shown in the help for what the flag takes.
func (f *planFlag) Type() string { return f.kind }

// Set takes what was typed, if a plan can have it.
func (f *planFlag) Set(value string) error {
	if value == "" {
		return errors.New("nothing is given")
	}
	scratch := policy.Defaults()
	if err := scratch.Set(f.key, value); err != nil {
		var problems policy.Problems
		if errors.As(err, &problems) && len(problems) > 0 {
			return errors.New(problems[0].Text)
		}
		return err
	}
	if f.many && f.value != "" {
		value = f.value + "," + value
	}
	f.value = value
	return nil
}
