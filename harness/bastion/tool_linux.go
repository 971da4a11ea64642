package bastion

import (
	"os/exec"
	"runtime"
	"syscall"
)

// dieTogether has the kernel end a child when we are killed. The thread that starts it
// has to last: undo lets go of it.
func dieTogether(child *exec.Cmd) (undo func()) {
	runtime.LockOSThread()
	child.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return runtime.UnlockOSThread
}
