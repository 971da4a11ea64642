package hardware

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheMachineAsTheKernelTellsIt(t *testing.T) {
	proc := t.TempDir()
	for name, text := range map[string]string{
		"cpuinfo":              "processor\t: 0\nmodel name\t: A Processor @ 2.00GHz\n\nprocessor\t: 1\nmodel name\t: Another\n",
		"meminfo":              "MemFree:  1 kB\nMemTotal:       24689044 kB\n",
		"sys/kernel/osrelease": "6.1.0-9-amd64\n",
		"self/mountinfo": "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +
			"31 22 0:30 / /tmp rw - tmpfs tmpfs rw\n32 31 0:31 / /tmp/disk rw master:2 - xfs /dev/sdb rw\n33 22 0:32 / /tmpfoo rw - btrfs x rw\nbroken\n",
	} {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for disk, want := range map[string]string{"/": "ext4", "/home": "ext4", "/tmp": "tmpfs", "/tmp/x": "tmpfs", "/tmp/disk/y": "xfs", "/tmpfoo": "btrfs", "/tmpfo": "ext4"} {
		if got := machineOf(proc, disk); got.Disk != want {
			t.Errorf("%s lies on %q, want %q", disk, got.Disk, want)
		}
	}
	got := machineOf(proc, "/")
	if got.Model != "A Processor @ 2.00GHz" || got.Memory != 24689044<<10 || got.Kernel != "6.1.0-9-amd64" || got.CPUs < 1 || got.OS == "" {
		t.Errorf("%+v", got)
	}
	if got := machineOf(filepath.Join(proc, "missing"), "/"); got.Model != "" || got.Memory != 0 || got.Disk != "" || got.CPUs < 1 {
		t.Errorf("where the kernel tells nothing: %+v", got)
	}
	if got := This("."); got.OS == "" || got.Disk == "" {
		t.Errorf("%+v", got)
	}
	if got := This(""); got.Disk != "" {
		t.Errorf("hosts lie elsewhere, and %+v", got)
	}
	if PeakMemory() <= 0 {
		t.Error("the kernel told no peak of our own memory")
	}
}
