package reports

// Machine is what something was measured on, as far as its kernel tells.
type Machine struct {
	CPUs   int    `json:"cpus"`
	Model  string `json:"cpu_model,omitempty"`
	Memory int64  `json:"memory_bytes,omitempty"`
	OS     string `json:"os"` // "linux/amd64"
	Kernel string `json:"kernel,omitempty"`
	Disk   string `json:"disk,omitempty"` // file system that the hosts lie on
}
