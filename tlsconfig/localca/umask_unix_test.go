//go:build unix

package localca

import (
	"os"
	"syscall"
	"testing"
)

func umask(mask int) int { return syscall.Umask(mask) }

func uidOf(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}
