package rig

import "syscall"

// User is another user to run a program as, which requires root.
type User struct{ UID, GID uint32 }

// attributes have the kernel end each program with the tests, also if these are killed.
func attributes(c Command) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if c.Master {
		a.Pdeathsig = syscall.SIGTERM
	}
	if c.As != nil {
		a.Credential = &syscall.Credential{Uid: c.As.UID, Gid: c.As.GID}
	}
	return a
}
