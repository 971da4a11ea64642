package policy

import (
	"time"
)

// Policy is what somebody decided about backups. Times are those of production;
// Sweep.TimeScale compresses them for a drill.
type Policy struct {
	Name      string    `json:"name"`
	Interval  Duration  `json:"interval"`              // from the beginning of one snapshot to the beginning of the next
	Retention Retention `json:"retention,omitzero"`    // what is kept; zero: everything
	Store     string    `json:"store,omitempty"`       // a directory or s3://bucket/prefix; "": each drill's own
	Endpoint  string    `json:"s3_endpoint,omitempty"` // URL of the S3 server; "": Amazon's
	Verify    Verify    `json:"verify,omitempty"`      // "": VerifyTrailer
	Targets   Targets   `json:"targets,omitzero"`
}

// Retention is which snapshots are kept. Whatever exceeds either bound goes once
// a newer one was taken; zero is no bound.
type Retention struct {
	Count int      `json:"count,omitempty"`
	Age   Duration `json:"age,omitempty"`
}

// Verify is how the backup job makes sure of what it took before it is kept.
type Verify string

// The ways to verify. However a backup was taken, it is verified when it is
// fetched to be restored, and passed over if it is damaged.
const (
	VerifyTrailer Verify = "trailer" // the SHA-256 that etcd appended is computed again
	VerifyNone    Verify = "none"    // kept as it came
)

// Targets are what the policy's owner promised others. Zero: none.
type Targets struct {
	RTO Duration `json:"rto,omitempty"` // from the strike to the first acknowledged write of the recovered cluster
	RPO Duration `json:"rpo,omitempty"` // time whose acknowledged writes may be lost
}

// Sweep is over what a policy is tried: every combination is a Point.
type Sweep struct {
	Sizes      []Size   `json:"sizes"`       // of the database, before the strike
	ValueSizes []int    `json:"value_sizes"` // bytes
	Members    []int    `json:"members"`     // 1 to 9
	Procedures []string `json:"procedures"`  // names of scenarios that restore a snapshot
	Runs       int      `json:"runs"`        // drills of each point, from 1
	Seed       int64    `json:"seed"`        // of the first run; each has its own
	// TimeScale compresses the policy's interval and ages: 60 makes a minute of
	// each hour's policy. From 1. What etcd and the disk need is not compressed.
	TimeScale float64 `json:"time_scale"`
	// Within is how long a procedure may take. 0: as Limit has it.
	Within  Duration `json:"within,omitempty"`
	Writers int      `json:"writers,omitempty"` // 0: the scenario's own
	Rate    int      `json:"rate,omitempty"`    // writes per second, all writers together; 0: the scenario's own
}

// Point is one combination of a sweep.
type Point struct {
	Size      Size   `json:"size_bytes"` // aimed at; a Run tells what it was
	ValueSize int    `json:"value_size"`
	Members   int    `json:"members"`
	Procedure string `json:"procedure"`
}

// slowestRestore is what a procedure is given for the database's size, in bytes per
// second: it is fetched, read, restored and loaded, on a disk that all hosts share.
const slowestRestore = 4 << 20

// Limit is how long the procedure of a drill may take, of which a scenario says that it
// should take no longer than usual. A restore that is slow is to be measured and held
// against the RTO, so that it may take at least as long.
func (p Plan) Limit(usual time.Duration, size Size) time.Duration {
	if p.Sweep.Within > 0 {
		return time.Duration(p.Sweep.Within)
	}
	return max(usual, time.Duration(p.Policy.Targets.RTO)) + time.Duration(size/slowestRestore)*time.Second
}

// Scaled is the policy's interval as a drill of this sweep has it.
func (s Sweep) Scaled(d Duration) time.Duration {
	if s.TimeScale <= 1 {
		return time.Duration(d)
	}
	return time.Duration(float64(d) / s.TimeScale)
}

// Points lists the combinations, sizes innermost so that a reader of a sweep that
// was cut short has whole curves: for each procedure, members and value size,
// every size.
func (s Sweep) Points() []Point {
	var points []Point
	for _, procedure := range s.Procedures {
		for _, members := range s.Members {
			for _, value := range s.ValueSizes {
				for _, size := range s.Sizes {
					points = append(points, Point{Size: size, ValueSize: value, Members: members, Procedure: procedure})
				}
			}
		}
	}
	return points
}
