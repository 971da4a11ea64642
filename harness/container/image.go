//go:build linux

package container

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/etcd-firedrill/firedrill/harness/crew"
)

const (
	// Where a host has its agent and the agent's socket: apart from its disk's
	// ordinary places, so that an image's own files and runbooks do not meet them.
	agentDir   = "/.firedrill"
	agentPath  = agentDir + "/firedrill"
	socketPath = agentDir + "/agent.sock"
	// ourRepository holds the images that are our binary alone.
	ourRepository = "firedrill-host"
	ourPath       = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
)

// ourDirs are the directories of our image, and ourNames those of our binary.
var (
	ourDirs = []tar.Header{
		{Name: ".firedrill/", Mode: 0o755}, {Name: "etc/", Mode: 0o755}, {Name: "root/", Mode: 0o700}, {Name: "run/", Mode: 0o755},
		{Name: "tmp/", Mode: 0o1777}, {Name: "usr/", Mode: 0o755}, {Name: "usr/local/", Mode: 0o755}, {Name: "usr/local/bin/", Mode: 0o755},
		{Name: "var/", Mode: 0o755}, {Name: "var/lib/", Mode: 0o755}, {Name: "var/log/", Mode: 0o755},
	}
	ourNames = []string{"usr/local/bin/firedrill", "usr/local/bin/etcd", "usr/local/bin/etcdctl", "usr/local/bin/etcdutl"}
)

// ownExecutable is what we run, whatever its path leads to by now.
const ownExecutable = "/proc/self/exe"

// ownImage is the image of our binary. All of it follows from the binary's
// content: whoever builds it, twice or at the same time, makes the same image.
type ownImage struct {
	tag    string
	config []byte // JSON, as the engine has it; its hash is the image's ID
	layer  int64  // the size in bytes of the one layer
}

// describeOwnImage reads our whole binary once.
var describeOwnImage = sync.OnceValues(func() (ownImage, error) {
	image, err := describeImage(ownExecutable)
	if err != nil {
		return ownImage{}, fmt.Errorf("read our own binary: %w", err)
	}
	return image, nil
})

func describeImage(program string) (ownImage, error) {
	digest := sha256.New()
	size := &counter{w: digest}
	if err := writeLayer(size, program); err != nil {
		return ownImage{}, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": []string{agentPath},
			"Env":        []string{ourPath},
			"Labels":     map[string]string{imageLabel: "own"},
			"WorkingDir": "/",
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(digest.Sum(nil))}},
		"history": []map[string]string{{"created_by": "firedrill"}},
	})
	if err != nil {
		return ownImage{}, err
	}
	return ownImage{tag: ourRepository + ":" + shortHash(config), config: config, layer: size.n}, nil
}

func shortHash(of []byte) string {
	sum := sha256.Sum256(of)
	return hex.EncodeToString(sum[:8])
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// writeLayer writes the image's files, always the same bytes for the same program.
func writeLayer(w io.Writer, program string) error {
	out := tar.NewWriter(w)
	for _, dir := range ourDirs {
		dir.Typeflag, dir.ModTime = tar.TypeDir, time.Unix(0, 0)
		if err := out.WriteHeader(&dir); err != nil {
			return err
		}
	}
	if err := writeProgram(out, program); err != nil {
		return err
	}
	for _, name := range ourNames {
		link := tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: agentPath[1:], Mode: 0o755, ModTime: time.Unix(0, 0)}
		if err := out.WriteHeader(&link); err != nil {
			return err
		}
	}
	return out.Close()
}

func writeProgram(out *tar.Writer, program string) error {
	file, err := os.Open(program)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := tar.Header{Typeflag: tar.TypeReg, Name: agentPath[1:], Mode: 0o755, Size: info.Size(), ModTime: time.Unix(0, 0)}
	if err := out.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}

// agentFiles is what a disk needs to have an agent again.
func agentFiles(w io.Writer) error {
	out := tar.NewWriter(w)
	dir := ourDirs[0]
	dir.Typeflag, dir.ModTime = tar.TypeDir, time.Unix(0, 0)
	if err := out.WriteHeader(&dir); err != nil {
		return err
	}
	if err := writeProgram(out, ownExecutable); err != nil {
		return err
	}
	return out.Close()
}

// writeArchive writes the image as `docker save` would.
func (i ownImage) writeArchive(w io.Writer, program string) error {
	const configName, layerName = "config.json", "layer.tar"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{i.tag}, "Layers": []string{layerName}}})
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	for _, part := range []struct {
		name    string
		size    int64
		content func(io.Writer) error
	}{
		{"manifest.json", int64(len(manifest)), func(w io.Writer) error { _, err := w.Write(manifest); return err }},
		{configName, int64(len(i.config)), func(w io.Writer) error { _, err := w.Write(i.config); return err }},
		{layerName, i.layer, func(w io.Writer) error { return writeLayer(w, program) }},
	} {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: part.name, Mode: 0o644, Size: part.size}); err != nil {
			return err
		}
		if err := part.content(out); err != nil {
			return err
		}
	}
	return out.Close()
}

// ensureOwnImage returns the tag of the image of our binary, and loads it into
// the engine if it is not there.
func (e *engine) ensureOwnImage(ctx context.Context) (string, error) {
	image, err := describeOwnImage()
	if err != nil {
		return "", err
	}
	if used, err := e.useAgain(ctx, image.tag); used || err != nil {
		return image.tag, err
	}
	content, stop := stream(func(w io.Writer) error { return image.writeArchive(w, ownExecutable) })
	defer stop()
	answer, err := e.api.ImageLoad(ctx, content, client.ImageLoadWithQuiet(true))
	if err != nil {
		return "", fmt.Errorf("load the image of hosts: %w", err)
	}
	if err := errors.Join(progressError(answer), answer.Close()); err != nil {
		return "", fmt.Errorf("load the image of hosts: %w", err)
	}
	used, err := e.useAgain(ctx, image.tag)
	if err == nil && !used {
		err = fmt.Errorf("the engine took %s, and does not have it", image.tag)
	}
	return image.tag, err
}

// useAgain tells whether there is such an image. It is tagged anew, by which
// the engine notes when it was last wanted: see pruneImages.
func (e *engine) useAgain(ctx context.Context, tag string) (bool, error) {
	_, err := e.api.ImageTag(ctx, client.ImageTagOptions{Source: tag, Target: tag})
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the image %s: %w", tag, err)
	}
	return true, nil
}

// stream returns what write writes, as it is read. stop ends it and waits.
func stream(write func(io.Writer) error) (r io.Reader, stop func()) {
	out, in := io.Pipe()
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = in.CloseWithError(crew.Surely(func() error { return write(in) }))
	}()
	return out, func() {
		_ = out.Close()
		<-over
	}
}

// progressError reads an engine's progress messages to their end, and returns
// the error among them.
func progressError(r io.Reader) error {
	for messages := json.NewDecoder(r); ; {
		var m struct {
			Error string `json:"error"`
		}
		if err := messages.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
	}
}

// imageAge is for how long after its last use an image of ours is kept that no
// container uses: somebody may be about to make one.
const imageAge = time.Hour

// pruneImages removes images with a label that no container uses and that were
// last wanted longer than age ago, and returns their names. Each build of our
// binary has one, of the binary's size.
func (e *engine) pruneImages(ctx context.Context, label string, age time.Duration) ([]string, error) {
	images, err := e.api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", label)})
	if err != nil {
		return nil, fmt.Errorf("list our images: %w", err)
	}
	var removed []string
	var errs []error
	for _, i := range images.Items {
		names := i.RepoTags
		if len(names) == 0 || strings.HasPrefix(names[0], "<none>") {
			names = []string{i.ID}
		}
		image, err := e.api.ImageInspect(ctx, i.ID)
		if err != nil || time.Since(lastUse(image)) < age {
			continue // somebody else removed it, or it is young
		}
		for _, name := range names {
			_, err := e.api.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
			switch {
			case err == nil:
				removed = append(removed, name)
			case errdefs.IsConflict(err), errdefs.IsNotFound(err): // a container uses it; or it is gone
			default:
				errs = append(errs, fmt.Errorf("remove the image %s: %w", name, err))
			}
		}
	}
	return removed, errors.Join(errs...)
}

func lastUse(image client.ImageInspectResult) time.Time {
	last := image.Metadata.LastTagTime
	if made, err := time.Parse(time.RFC3339Nano, image.Created); err == nil && made.After(last) {
		return made
	}
	return last
}
