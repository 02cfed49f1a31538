package main

import "syscall"

// apart keeps a Ctrl-C at the terminal from reaching a part directly: the rehearsal ends them in order. Should it be
// killed, they end at once too.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
