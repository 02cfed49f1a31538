//go:build unix && !linux

package main

import "syscall"

// apart keeps a Ctrl-C at the terminal from reaching a part directly: the rehearsal ends them in order.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
