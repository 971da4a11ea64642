package check

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// NothingChanged holds when a procedure that refused left the cluster as it was:
// since it began no etcd was stopped or started, no host came or went, no history was
// replaced, every host has the manifest and the files of data that it had, and every
// etcd that is meant to run tells the members that it told before the strike.
type NothingChanged struct{ none }

// Name is nothing-changed.
func (NothingChanged) Name() string { return "nothing-changed" }

// Claim says what Held affirms.
func (NothingChanged) Claim() string {
	return "since the procedure began no etcd was stopped or started, manifests and data lie on the hosts as they did, and each etcd tells the members that it told before"
}

// Judge looks for what happened, other files, and other lists.
func (NothingChanged) Judge(ev *harness.Evidence) harness.Result {
	began, ok := ev.At(harness.ProcedureBegan)
	if !ok {
		return notSeen("the procedure never began")
	}
	wrong, missing := happened(ev, began), []string(nil)
	if ev.Starts == nil {
		missing = append(missing, "which etcds were started was not recorded")
	}
	lie, unseen := disksCompared(ev)
	told, views, unheard := listsCompared(ev)
	wrong, missing = slices.Concat(wrong, lie, told), slices.Concat(missing, unseen, unheard)
	switch {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0:
		return notSeen("not everything was seen: %s", strings.Join(missing, "; "))
	case len(views) == 0:
		return notSeen("no member was heard")
	}
	return held("%s, before and after", views[0].Membership())
}

// happened lists what was done to etcds and hosts from an offset on.
func happened(ev *harness.Evidence, since time.Duration) (wrong []string) {
	if at, replaced := ev.At(harness.HistoryReplaced); replaced {
		wrong = append(wrong, fmt.Sprintf("members were given other data at %.2f s", at.Seconds()))
	}
	add := func(at time.Duration, format string, args ...any) {
		if at >= since {
			wrong = append(wrong, fmt.Sprintf(format, args...)+fmt.Sprintf(" at %.2f s", at.Seconds()))
		}
	}
	for _, e := range ev.Exits {
		add(e.At, "etcd on %s %s", e.Host, e.EtcdExit)
	}
	for _, s := range ev.Starts {
		add(s.At, "etcd on %s was started", s.Host)
	}
	for _, p := range ev.Power {
		add(p.At, "%s went %s", p.Host, map[bool]string{true: "on", false: "off"}[p.On])
	}
	for _, host := range slices.Sorted(maps.Keys(ev.Gone)) {
		add(ev.Gone[host], "%s was destroyed", host)
	}
	return wrong
}

// listsCompared compares what each member tells with what it told before. A host that
// was off, or had no manifest, need not be heard: no etcd was meant to run there.
func listsCompared(ev *harness.Evidence) (wrong []string, views []harness.MemberView, missing []string) {
	hosts := slices.DeleteFunc(slices.Clone(ev.Hosts), func(host string) bool {
		was, ok := diskOf(ev.DisksBegan, host)
		return ok && was.Error == "" && (was.Off || was.Manifest == "")
	})
	views, missing = heard(ev, hosts)
	for _, is := range views {
		switch was, asked := viewOf(ev.Before, is.Host); {
		case !asked:
			wrong = append(wrong, is.Host+" is a new host")
		case was.Error != "":
			missing = append(missing, is.Host+" did not answer before the strike")
		case was.Membership() != is.Membership():
			wrong = append(wrong, fmt.Sprintf("%s lists %s, and before the strike %s", is.Host, is.Membership(), was.Membership()))
		}
	}
	return wrong, views, missing
}

// disksCompared compares what lies on each host with what lay there when the procedure
// began.
func disksCompared(ev *harness.Evidence) (wrong, missing []string) {
	if len(ev.DisksBegan) == 0 || len(ev.DisksAfter) == 0 {
		return nil, []string{"what lies on the hosts was not looked at before and after"}
	}
	for _, host := range ev.Hosts {
		was, then := diskOf(ev.DisksBegan, host)
		is, now := diskOf(ev.DisksAfter, host)
		switch {
		case !then:
			wrong = append(wrong, host+" was not there when the procedure began")
		case !now:
			missing = append(missing, "what lies on "+host+" was not looked at in the end")
		case was.Error != "":
			missing = append(missing, fmt.Sprintf("what lay on %s could not be looked at when the procedure began: %s", host, was.Error))
		case is.Error != "":
			missing = append(missing, fmt.Sprintf("what lies on %s could not be looked at in the end: %s", host, is.Error))
		case was.Off && is.Off:
		case was.Off != is.Off:
			wrong = append(wrong, fmt.Sprintf("%s is %s, and was not when the procedure began", host, map[bool]string{true: "off", false: "on"}[is.Off]))
		default:
			altered, unsure := diskCompared(was, is)
			wrong, missing = append(wrong, altered...), append(missing, unsure...)
		}
	}
	for _, was := range ev.DisksBegan {
		// A host that was ordered for whoever recovers, and not used, is nobody's loss.
		if !slices.Contains(ev.Hosts, was.Host) && !was.Bare() {
			wrong = append(wrong, was.Host+" is not there any more")
		}
	}
	return wrong, missing
}

// diskOf is what lay on one host; ok is false if it was not looked at.
func diskOf(disks []harness.HostDisk, host string) (d harness.HostDisk, ok bool) {
	at := slices.IndexFunc(disks, func(d harness.HostDisk) bool { return d.Host == host })
	if at < 0 {
		return harness.HostDisk{}, false
	}
	return disks[at], true
}

// diskCompared compares what lies on one host with what lay there. unsure is what etcd
// may have done by itself.
func diskCompared(was, is harness.HostDisk) (wrong, unsure []string) {
	blame := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf(format, args...)+" on "+is.Host)
	}
	switch {
	case was.Manifest == is.Manifest:
	case is.Manifest == "":
		blame("etcd's manifest is gone")
	case was.Manifest == "":
		blame("there was no manifest of etcd's, and there is one")
	default:
		blame("etcd's manifest is not what it was")
	}
	gone := "/" // the last directory that is gone, or another one: what was in it is not told of
	for _, f := range was.Files {
		switch now, there := inode(is.Files, f.Path); {
		case there && now == f.Inode, strings.HasPrefix(f.Path, gone+"/"):
		case there:
			gone = f.Path
			blame("another file, or directory, is in the place of %s", f.Path)
		case rotated(f.Path, is.Files) >= harness.KeptFiles:
		case rotated(f.Path, is.Files) > 0:
			unsure = append(unsure, fmt.Sprintf("whether etcd itself removed %s on %s is not known", f.Path, is.Host))
		default:
			gone = f.Path
			blame("%s is gone", f.Path)
		}
	}
	for _, f := range is.Files {
		if _, before := inode(was.Files, f.Path); !before && (is.Manifest == "" || !rotates(f.Path)) {
			blame("%s was not there, and is", f.Path)
		}
	}
	if was.Database && !is.Database {
		blame("what should be the database is none any more")
	}
	if was.LogHead != "" && was.LogHead != is.LogHead && was.OldestLog() == is.OldestLog() {
		blame("the write-ahead log is another one")
	}
	return wrong, unsure
}

func inode(files []harness.DiskFile, path string) (n uint64, there bool) {
	at := slices.IndexFunc(files, func(f harness.DiskFile) bool { return f.Path == path })
	if at < 0 {
		return 0, false
	}
	return files[at].Inode, true
}

// rotates tells whether etcd makes and removes such files by itself.
func rotates(file string) bool {
	return path.Ext(file) == harness.LogExt || path.Ext(file) == harness.SnapshotExt
}

// rotated counts the newer files that are there of the kind of one that is gone; 0 if
// there are older ones, which etcd itself would have removed first.
func rotated(gone string, files []harness.DiskFile) (newer int) {
	if !rotates(gone) {
		return 0
	}
	for _, f := range files {
		switch {
		case path.Dir(f.Path) != path.Dir(gone) || path.Ext(f.Path) != path.Ext(gone):
		case f.Path < gone:
			return 0
		default:
			newer++
		}
	}
	return newer
}
