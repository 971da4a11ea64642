package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"

	"sigs.k8s.io/yaml"
)

// pod is how a manifest wants etcd to be run.
type pod struct {
	argv []string
	env  []string // NAME=VALUE
	dir  string
	// identity is the manifest without what does not matter (comments, order
	// of keys, white space): as a kubelet does, a change of anything else restarts etcd.
	identity string
}

// manifest is the part of a Pod that decides how a process is run.
type manifest struct {
	Kind string `json:"kind"`
	Spec struct {
		Containers []struct {
			Name       string   `json:"name"`
			Command    []string `json:"command"`
			Args       []string `json:"args"`
			WorkingDir string   `json:"workingDir"`
			Env        []struct {
				Name      string          `json:"name"`
				Value     string          `json:"value"`
				ValueFrom json.RawMessage `json:"valueFrom"`
			} `json:"env"`
		} `json:"containers"`
	} `json:"spec"`
}

// parseManifest reads a static-pod manifest: the first container whose command
// is etcd is the one that runs. Volumes, probes, resources and images are the
// kubelet's business and are ignored: on a host, paths are the host's.
func parseManifest(text []byte) (pod, error) {
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		return pod{}, fmt.Errorf("it is not YAML of a Pod: %w", err)
	}
	if m.Kind != "Pod" {
		return pod{}, fmt.Errorf("its kind is %q, not Pod", m.Kind)
	}
	canonical, err := yaml.YAMLToJSON(text)
	if err != nil {
		return pod{}, err
	}
	for _, c := range m.Spec.Containers {
		if len(c.Command) == 0 || path.Base(c.Command[0]) != "etcd" {
			continue
		}
		p := pod{argv: append(append([]string(nil), c.Command...), c.Args...), dir: c.WorkingDir, identity: string(canonical)}
		if p.dir == "" {
			p.dir = "/"
		}
		for _, e := range c.Env {
			if len(e.ValueFrom) > 0 && string(e.ValueFrom) != "null" {
				return pod{}, fmt.Errorf("its variable %s takes its value from elsewhere (valueFrom), which only a kubelet can", e.Name)
			}
			p.env = append(p.env, e.Name+"="+e.Value)
		}
		return p, nil
	}
	return pod{}, errors.New("none of its containers has etcd as its command")
}
