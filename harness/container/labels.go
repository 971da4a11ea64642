//go:build linux

package container

import "os"

// Labels of everything that is ours.
const (
	drillLabel   = "firedrill.drill"   // the drill's ID
	ownerLabel   = "firedrill.owner"   // the base directory under which the drill's lock is
	machineLabel = "firedrill.machine" // the machine that directory is on: engines are shared
	imageLabel   = "firedrill.image"   // on images, which belong to no drill
)

// ourName is the name of a drill's network, and begins those of its containers.
func ourName(drill string) string { return "firedrill-" + drill }

// labels returns a new map each time: testcontainers adds its own to it.
func labels(base, drill string) map[string]string {
	return map[string]string{drillLabel: drill, ownerLabel: base, machineLabel: thisMachine()}
}

func thisMachine() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
