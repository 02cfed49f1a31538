//go:build !linux

package rig

import "syscall"

// User is another user to run a program as. It works on Linux only.
type User struct{}

func attributes(Command) *syscall.SysProcAttr { return nil }
