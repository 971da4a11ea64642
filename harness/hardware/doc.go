// Package hardware tells what we run on, as far as the kernel does: figures mean
// something only beside the machine that they were measured on. What the kernel
// does not tell is absent. It runs nothing and imports reports alone.
package hardware
