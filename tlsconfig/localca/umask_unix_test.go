//go:build unix

package localca

import "syscall"

func umask(mask int) int { return syscall.Umask(mask) }
