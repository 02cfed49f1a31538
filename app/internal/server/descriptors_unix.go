//go:build unix

package server

import "syscall"

// descriptorLimit returns how many file descriptors this process may have open, or 0 if the system does not tell.
func descriptorLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur <= 0 {
		return 0
	}
	return uint64(limit.Cur)
}
