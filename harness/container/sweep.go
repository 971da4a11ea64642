//go:build linux

package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// Sweep removes the containers, networks and volumes of drills whose owners are
// dead, what operators' own programs left in them, and images of ours that are out of use. It spares whatever has a living
// owner, or one on another machine, whose life cannot be seen from here, and
// touches nothing that is not labelled as ours. It returns a line for people
// about each drill and image.
func Sweep(ctx context.Context) ([]string, error) {
	e, err := connect(ctx, patience)
	if err != nil {
		return nil, err
	}
	lines, err := e.sweepDrills(ctx, func(string) bool { return true })
	images, ierr := e.pruneImages(ctx, imageLabel, imageAge)
	for _, name := range images {
		lines = append(lines, fmt.Sprintf("image %s: removed", name))
	}
	if err := errors.Join(err, ierr, e.close()); err != nil {
		return lines, fmt.Errorf("sweep: %w", err)
	}
	return lines, nil
}

// claim says whose something is, by its labels.
type claim struct{ drill, base, machine string }

// remains is what there is of one drill.
type remains struct{ containers, networks, volumes []string }

// sweepDrills sweeps those drills that it may: tests must not sweep others'.
func (e *engine) sweepDrills(ctx context.Context, may func(drill string) bool) ([]string, error) {
	found, err := e.remains(ctx)
	if err != nil {
		return nil, err
	}
	claims := make([]claim, 0, len(found))
	for c := range found {
		if may(c.drill) {
			claims = append(claims, c)
		}
	}
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Or(cmp.Compare(a.drill, b.drill), cmp.Compare(a.base, b.base)) })
	var lines []string
	var errs []error
	for _, c := range claims {
		line, err := e.sweepDrill(ctx, c, found[c])
		if err != nil {
			errs = append(errs, fmt.Errorf("drill %s: %w", c.drill, err))
		}
		if line != "" {
			lines = append(lines, fmt.Sprintf("drill %s: %s", c.drill, line))
		}
	}
	return lines, errors.Join(errs...)
}

func (e *engine) remains(ctx context.Context) (map[claim]*remains, error) {
	ours := client.Filters{}.Add("label", drillLabel)
	containers, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: ours})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	found := map[claim]*remains{}
	of := func(labels map[string]string) *remains {
		c := claim{drill: labels[drillLabel], base: labels[ownerLabel], machine: labels[machineLabel]}
		if found[c] == nil {
			found[c] = &remains{}
		}
		return found[c]
	}
	for _, c := range containers.Items {
		// A container has its image's labels too, whoever made it.
		if slices.ContainsFunc(c.Names, func(name string) bool { return isOurs(strings.TrimPrefix(name, "/"), c.Labels) }) {
			r := of(c.Labels)
			r.containers = append(r.containers, c.ID)
		}
	}
	for _, n := range networks.Items {
		if isOurs(n.Name, n.Labels) {
			r := of(n.Labels)
			r.networks = append(r.networks, n.ID)
		}
	}
	for _, v := range volumes.Items {
		// A host's disk has no name but the engine's, and no labels but those we gave it.
		if isOurs(v.Name, v.Labels) || v.Labels[drillLabel] != "" && unnamed.MatchString(v.Name) {
			r := of(v.Labels)
			r.volumes = append(r.volumes, v.Name)
		}
	}
	return found, nil
}

// unnamed is what an engine calls a volume that nobody named.
var unnamed = regexp.MustCompile(`^[0-9a-f]{64}$`)

// isOurs tells whether something has both the label and the name of a drill.
func isOurs(name string, labels map[string]string) bool {
	drill := labels[drillLabel]
	return drill != "" && (name == ourName(drill) || strings.HasPrefix(name, ourName(drill)+"-"))
}

func (e *engine) sweepDrill(ctx context.Context, c claim, r *remains) (line string, err error) {
	if c.machine != thisMachine() {
		return fmt.Sprintf("left alone, it belongs to the machine %q (by hand: docker rm -fv $(docker ps -aq --filter label=%s=%s))", c.machine, drillLabel, c.drill), nil
	}
	heir, err := owner.Inherit(c.base, c.drill)
	switch {
	case err == nil:
		// Held while we work, so that two sweeps do not meet.
		_, unswept := operator.Sweep(ctx, heir.Dir())
		defer func() { err = errors.Join(err, unswept, heir.Release(unswept != nil)) }()
	case errors.Is(err, fs.ErrNotExist) && !owner.Alive(c.base, c.drill): // the lock is gone as well
	default:
		return "", nil // alive, or we cannot tell
	}
	return r.String(), e.remove(ctx, r)
}

// remove leaves what others use as it is, and says so.
func (e *engine) remove(ctx context.Context, r *remains) error {
	var errs []error
	for _, id := range r.containers {
		errs = append(errs, e.removeContainer(ctx, id))
	}
	for _, id := range r.networks {
		errs = append(errs, e.removeNetwork(ctx, id))
	}
	for _, name := range r.volumes {
		if _, err := e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (r *remains) String() string {
	var parts []string
	for _, p := range []struct {
		what string
		n    int
	}{{"container", len(r.containers)}, {"network", len(r.networks)}, {"volume", len(r.volumes)}} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.what)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", p.n, p.what))
		}
	}
	return "removed " + strings.Join(parts, ", ")
}
