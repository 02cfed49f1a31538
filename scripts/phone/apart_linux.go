package main

import "syscall"

// apart keeps a Ctrl-C at the terminal from reaching the site directly: it takes a second signal, which stop sends,
// for impatience. Should this program be killed, the site ends too.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
