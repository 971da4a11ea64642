package agent

import (
	"context"
	"io"
	"io/fs"
	"os"
)

// Placer is a Power whose disk is in our reach: a file of ours gets there without
// going through the session to the agent.
type Placer interface {
	// Place puts the file at a path of the host, in place of what is there, as a
	// link to it where that can be had, else as a copy. The file is read from its
	// beginning, and not changed but for its mode and number of links.
	Place(ctx context.Context, path string, mode fs.FileMode, file *os.File) error
}

// Place puts a file of ours on the host, as Upload does, and at once where the
// host's disk is in our reach: then it may be the very same file, and whoever
// writes to the one changes the other. It is for files that belong to nobody else.
func (h *Host) Place(ctx context.Context, path string, mode fs.FileMode, file *os.File) error {
	if p, ok := h.power.(Placer); ok {
		h.mu.Lock()
		up, why := h.link != nil, h.down
		h.mu.Unlock()
		if !up {
			return h.wrap("place "+path+" on", why)
		}
		if err := p.Place(ctx, path, mode, file); err != nil {
			return h.wrap("place "+path+" on", err)
		}
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return h.wrap("place "+path+" on", err)
	}
	// A reader of its own: the same file may be on its way to other hosts.
	return h.Upload(ctx, path, mode, io.NewSectionReader(file, 0, info.Size()))
}
