//go:build linux

package container

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// derivedRepository holds images that are somebody's etcd image and our agent.
const derivedRepository = "firedrill-host-on"

// neededPrograms are what an image must hold for drills. etcdutl is not among
// them: etcd 3.4 has none.
var neededPrograms = []string{"etcd", "etcdctl"}

const (
	// pullLimit bounds a pull as a whole, pullSilence its longest silence: a
	// registry that cannot be reached often says nothing at all.
	pullLimit   = 10 * time.Minute
	pullSilence = 30 * time.Second
)

// ensureDerivedImage returns the tag of an image that is ref and, beside its
// own programs, our agent.
func (e *engine) ensureDerivedImage(ctx context.Context, ref string) (string, error) {
	tag, err := e.derive(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("use the image %s: %w", ref, err)
	}
	return tag, nil
}

func (e *engine) derive(ctx context.Context, ref string) (string, error) {
	base, err := e.find(ctx, ref)
	if err != nil {
		return "", err
	}
	if base.Os != runtime.GOOS || base.Architecture != runtime.GOARCH {
		return "", fmt.Errorf("it is for %s/%s, and our agent for %s/%s\nhint: docker pull --platform %[3]s/%[4]s, and then this again",
			base.Os, base.Architecture, runtime.GOOS, runtime.GOARCH)
	}
	own, err := describeOwnImage()
	if err != nil {
		return "", err
	}
	tag := derivedRepository + ":" + shortHash([]byte(base.ID+" "+own.tag))
	if used, err := e.useAgain(ctx, tag); used || err != nil {
		return tag, err
	}
	return tag, e.inject(ctx, base, tag)
}

// find looks for an image here, and then where its name says that it is.
func (e *engine) find(ctx context.Context, ref string) (client.ImageInspectResult, error) {
	image, err := e.api.ImageInspect(ctx, ref)
	if !errdefs.IsNotFound(err) {
		return image, err
	}
	if err := e.pull(ctx, ref); err != nil {
		return image, fmt.Errorf("it is not on this machine, and to pull it: %w\nhint: is the name right? Bring it by docker pull, docker load or docker build", err)
	}
	return e.api.ImageInspect(ctx, ref)
}

func (e *engine) pull(ctx context.Context, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	silent, quit := context.WithCancelCause(ctx)
	defer quit(nil)
	silence := time.AfterFunc(pullSilence, func() { quit(fmt.Errorf("the registry said nothing for %v", pullSilence)) })
	defer silence.Stop()
	answer, err := e.api.ImagePull(silent, ref, client.ImagePullOptions{RegistryAuth: credentials(silent, ref)})
	if err != nil {
		return because(silent, err)
	}
	heard := readerFunc(func(p []byte) (int, error) {
		n, err := answer.Read(p)
		silence.Reset(pullSilence)
		return n, err
	})
	return because(silent, errors.Join(progressError(heard), answer.Close()))
}

// because prefers why a context ended to what that broke.
func because(ctx context.Context, err error) error {
	if err != nil && context.Cause(ctx) != nil {
		return context.Cause(ctx)
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// credentials are those of `docker login` for the registry, if there are any.
func credentials(ctx context.Context, ref string) string {
	_, login, err := testcontainers.DockerImageAuth(ctx, ref)
	if err != nil {
		return "" // most images are public; the registry tells if this one is not
	}
	text, err := json.Marshal(login)
	if err != nil {
		return ""
	}
	return base64.URLEncoding.EncodeToString(text)
}

// inject makes the image, through a container that is never started: no builder
// is needed, and no shell in the image. Until it is tagged it is nobody's.
func (e *engine) inject(ctx context.Context, from client.ImageInspectResult, tag string) (err error) {
	base, err := owner.Base("")
	if err != nil {
		return err
	}
	own, err := owner.Claim(base, "image-"+rand.Text())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Release(false)) }()
	drill := path.Base(own.Dir())
	making, cancel := unbroken(ctx)
	defer cancel()
	defer func() { err = errors.Join(err, e.removeContainer(making, ourName(drill))) }()
	made, err := e.api.ContainerCreate(making, client.ContainerCreateOptions{
		Name:   ourName(drill),
		Config: &container.Config{Image: from.ID, Entrypoint: []string{agentPath}, Labels: labels(base, drill)},
	})
	if err != nil {
		return err
	}
	if err := e.expectPrograms(ctx, made.ID, from); err != nil {
		return err
	}
	if err := e.putAgent(ctx, made.ID); err != nil {
		return err
	}
	// The container's labels would become the image's, and the image is no drill's.
	none := map[string]string{imageLabel: "derived", drillLabel: "", ownerLabel: "", machineLabel: ""}
	_, err = e.api.ContainerCommit(making, made.ID, client.ContainerCommitOptions{
		Reference: tag, NoPause: true, Config: &container.Config{Entrypoint: []string{agentPath}, Labels: none},
	})
	return err
}

// putAgent copies the agent into a container, which need not run.
func (e *engine) putAgent(ctx context.Context, id string) error {
	content, stop := stream(agentFiles)
	defer stop()
	if _, err := e.api.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: "/", Content: content, AllowOverwriteDirWithFile: true}); err != nil {
		return fmt.Errorf("put the agent in place: %w", err)
	}
	return nil
}

// expectPrograms looks for etcd where the agent will.
func (e *engine) expectPrograms(ctx context.Context, id string, image client.ImageInspectResult) error {
	dirs := searchDirs(image)
	for _, program := range neededPrograms {
		there := slices.ContainsFunc(dirs, func(dir string) bool {
			_, err := e.api.ContainerStatPath(ctx, id, client.ContainerStatPathOptions{Path: path.Join(dir, program)})
			return err == nil
		})
		if err := ctx.Err(); err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("it holds no %s in %s\nhint: is it an etcd image? Without --image the hosts run the etcd of our own binary",
				program, strings.Join(dirs, ":"))
		}
	}
	return nil
}

// searchDirs are ours, and then those of the image's own PATH.
func searchDirs(image client.ImageInspectResult) []string {
	dirs := strings.Split(strings.TrimPrefix(ourPath, "PATH="), ":")
	if image.Config == nil {
		return dirs
	}
	for _, setting := range image.Config.Env {
		list, ok := strings.CutPrefix(setting, "PATH=")
		if !ok {
			continue
		}
		for dir := range strings.SplitSeq(list, ":") {
			if path.IsAbs(dir) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

func (e *engine) removeContainer(ctx context.Context, id string) error {
	_, err := e.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
