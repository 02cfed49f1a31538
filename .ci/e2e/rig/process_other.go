//go:build !linux

package rig

import "syscall"

// User is somebody else to run a program as: on Linux only.
type User struct{}

func attributes(Command) *syscall.SysProcAttr { return nil }
