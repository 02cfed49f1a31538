package main

import "syscall"

// apart keeps a Ctrl-C in the console from reaching the site directly; stop ends it.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
