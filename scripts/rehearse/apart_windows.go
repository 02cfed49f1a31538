package main

import "syscall"

// apart keeps a Ctrl-C in the console from reaching a part directly: the rehearsal ends them in order.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
