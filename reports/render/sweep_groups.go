package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// group is the points that differ in nothing but the size of the database: what a
// curve is drawn through.
type group struct {
	policy.Point // of its first point
	name         string
	points       []pointOf
}

// pointOf is a point with what was measured of it.
type pointOf struct {
	policy.Point
	summary *policy.Summary // nil if there is none
	runs    []policy.Run
}

// groupsOf sorts what was measured into groups, in the sweep's order. What the sweep
// did not ask for and is there all the same comes last. Each is named by what tells
// it from the others; what all have in common is said once.
func groupsOf(result policy.Result) (groups []group, shared string) {
	points := result.Points()
	for _, r := range result.Runs {
		if !slices.Contains(points, r.Point) {
			points = append(points, r.Point)
		}
	}
	for _, p := range points {
		of := pointOf{Point: p}
		for i := range result.Summaries {
			if result.Summaries[i].Point == p {
				of.summary = &result.Summaries[i]
			}
		}
		for _, r := range result.Runs {
			if r.Point == p {
				of.runs = append(of.runs, r)
			}
		}
		at := slices.IndexFunc(groups, func(g group) bool { return curve(g.Point) == curve(p) })
		if at < 0 {
			groups = append(groups, group{Point: p})
			at = len(groups) - 1
		}
		groups[at].points = append(groups[at].points, of)
	}
	groups = slices.DeleteFunc(groups, func(g group) bool {
		return !slices.ContainsFunc(g.points, func(p pointOf) bool { return len(p.runs) > 0 || p.summary != nil })
	})
	return groups, named(groups)
}

// title is all that a group has in common.
func (g group) title() string {
	return fmt.Sprintf("%s, %s, values of %d bytes", g.Procedure, plural(int64(g.Members), "member"), g.ValueSize)
}

// fit is the line through a phase of a group.
func (g group) fit(fits []policy.Fit, phase policy.Phase) (policy.Fit, bool) {
	i := slices.IndexFunc(fits, func(f policy.Fit) bool {
		return f.Phase == phase && f.Procedure == g.Procedure && f.Members == g.Members && f.ValueSize == g.ValueSize
	})
	if i < 0 {
		return policy.Fit{}, false
	}
	return fits[i], true
}

// curve is a point without its size.
func curve(p policy.Point) policy.Point {
	p.Size = 0
	return p
}

// named names groups, and returns what is the same in all of them.
func named(groups []group) (shared string) {
	var same []string
	for _, part := range []func(policy.Point) string{
		func(p policy.Point) string { return plural(int64(p.Members), "member") },
		func(p policy.Point) string { return "values of " + humanize.IBytes(uint64(max(p.ValueSize, 0))) },
	} {
		differ := slices.ContainsFunc(groups, func(g group) bool { return part(g.Point) != part(groups[0].Point) })
		for i := range groups {
			if differ {
				groups[i].name += ", " + part(groups[i].Point)
			} else if i == 0 {
				same = append(same, part(groups[0].Point))
			}
		}
	}
	for i := range groups {
		groups[i].name = groups[i].Procedure + groups[i].name
	}
	return strings.Join(same, ", ")
}
