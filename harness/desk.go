package harness

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// Desk is what an operator has noted down: addresses, the cluster's token, the
// flags each etcd runs with, and what earlier steps printed. A step's text is a
// text/template that uses these functions:
//
//	{{name}}                 the host the step runs on
//	{{peer "m2"}}            peer URL of m2
//	{{client "m2"}}          client URL of m2
//	{{endpoints "m1" "m2"}}  client URLs, comma-separated
//	{{etcdctl "m1" "m2"}}    etcdctl asked of these hosts, with the certificates of
//	                         the host it runs on where the cluster has any
//	{{cluster "m1" "m2"}}    m1=PEER,m2=PEER, as --initial-cluster wants it
//	{{token}}                the token the cluster was born with
//	{{known "ID of m2"}}     a fact that an earlier step learnt
//	{{manifest "m2" "initial-cluster-state=existing"}}
//	                         the static-pod manifest of m2: its own flags, these replaced or added
//
// With Explain set, whatever only a running drill can know is shown as a
// placeholder: <ID of m2>, <peer URL of m2>.
type Desk struct {
	Explain bool
	Token   string
	TLS     TLSFiles            // where every host has its certificates; zero: none
	Peers   map[string]string   // peer URL by host
	Clients map[string]string   // client URL by host, as the hosts themselves reach it
	Flags   map[string][]string // etcd's flags by host, "name=value" without dashes, in order
	Known   map[string]string   // facts by name
}

// Render renders a step's text for the host it runs on ("" at the desk).
func (d *Desk) Render(text, on string) (string, error) {
	t, err := template.New("step").Option("missingkey=error").Funcs(template.FuncMap{
		"name": func() (string, error) {
			if on == "" && !d.Explain {
				return "", fmt.Errorf("{{name}} at the desk, where there is no host")
			}
			return on, nil
		},
		"peer":      func(host string) (string, error) { return d.lookup(d.Peers, host, "peer URL of "+host) },
		"client":    func(host string) (string, error) { return d.lookup(d.Clients, host, "client URL of "+host) },
		"endpoints": d.endpoints,
		"etcdctl":   d.etcdctl,
		"cluster":   d.cluster,
		"token": func() string {
			if d.Explain {
				return "<token>"
			}
			return d.Token
		},
		"known":    func(fact string) (string, error) { return d.lookup(d.Known, fact, fact) },
		"manifest": d.manifest,
	}).Parse(text)
	if err != nil {
		return "", fmt.Errorf("render %q: %w", text, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return "", fmt.Errorf("render %q: %w", text, err)
	}
	return b.String(), nil
}

func (d *Desk) lookup(m map[string]string, key, placeholder string) (string, error) {
	if d.Explain {
		return "<" + placeholder + ">", nil
	}
	if v, ok := m[key]; ok {
		return v, nil
	}
	return "", fmt.Errorf("the %s is not known at this step", placeholder)
}

func (d *Desk) endpoints(hosts ...string) (string, error) {
	return d.join(hosts, func(h string) (string, error) { return d.lookup(d.Clients, h, "client URL of "+h) })
}

func (d *Desk) etcdctl(hosts ...string) (string, error) {
	endpoints, err := d.endpoints(hosts...)
	text := "etcdctl --endpoints=" + endpoints
	if d.TLS != (TLSFiles{}) {
		cert, key := d.TLS.Cert, d.TLS.Key
		if d.TLS.ClientCert != "" {
			cert, key = d.TLS.ClientCert, d.TLS.ClientKey
		}
		text += " --cacert=" + d.TLS.CA + " --cert=" + cert + " --key=" + key
	}
	return text, err
}

func (d *Desk) cluster(hosts ...string) (string, error) {
	return d.join(hosts, func(h string) (string, error) {
		url, err := d.lookup(d.Peers, h, "peer URL of "+h)
		return h + "=" + url, err
	})
}

func (d *Desk) join(hosts []string, each func(string) (string, error)) (string, error) {
	parts := make([]string, 0, len(hosts))
	for _, h := range hosts {
		part, err := each(h)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ","), nil
}

func (d *Desk) manifest(host string, changes ...string) (string, error) {
	if d.Explain {
		return Manifest(host, append([]string{"<flags of " + host + ">"}, changes...)), nil
	}
	flags, ok := d.Flags[host]
	if !ok {
		return "", fmt.Errorf("the flags of etcd on %s are not known at this step", host)
	}
	return Manifest(host, ChangeFlags(flags, changes...)), nil
}

// ChangeFlags returns flags ("name=value") with each change put in the place of
// the flag of the same name, or appended.
func ChangeFlags(flags []string, changes ...string) []string {
	out := slices.Clone(flags)
	for _, change := range changes {
		name, _, _ := strings.Cut(change, "=")
		at := slices.IndexFunc(out, func(f string) bool { n, _, _ := strings.Cut(f, "="); return n == name })
		if at < 0 {
			out = append(out, change)
		} else {
			out[at] = change
		}
	}
	return out
}

// Manifest is a static-pod manifest that runs etcd with these flags
// ("name=value", without dashes), shaped as kubeadm's.
func Manifest(host string, flags []string) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n  namespace: kube-system\n  labels:\n    component: etcd\n    tier: control-plane\n" +
		"spec:\n  hostNetwork: true\n  containers:\n  - name: etcd\n    command:\n    - etcd\n")
	for _, f := range flags {
		if strings.HasPrefix(f, "<") {
			fmt.Fprintf(&b, "    - %s\n", f)
			continue
		}
		fmt.Fprintf(&b, "    - --%s\n", f)
	}
	return b.String()
}

// Learn takes the facts out of what a step printed and notes them down.
func (d *Desk) Learn(facts []Fact, stdout string) error {
	for _, f := range facts {
		re, err := regexp.Compile(f.Pattern)
		if err != nil {
			return fmt.Errorf("learn the %s: %w", f.Name, err)
		}
		m := re.FindStringSubmatch(stdout)
		if len(m) < 2 {
			return fmt.Errorf("learn the %s: the step printed nothing that matches %s", f.Name, f.Pattern)
		}
		if d.Known == nil {
			d.Known = map[string]string{}
		}
		d.Known[f.Name] = m[1]
	}
	return nil
}
