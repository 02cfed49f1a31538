package main

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestALimitOfTheSystemIsCalledWhatItIs(t *testing.T) {
	for err, want := range map[error]string{
		os.NewSyscallError("inotify_add_watch", syscall.ENOSPC): "sudo sysctl fs.inotify.max_user_watches=",
		syscall.EMFILE: "sudo sysctl fs.inotify.max_user_instances=",
	} {
		if got := explain(err); !strings.Contains(got.Error(), want) || !strings.HasPrefix(got.Error(), err.Error()) {
			t.Errorf("%v is explained as %q, want %q in it", err, got, want)
		}
	}
	if got := explain(fs.ErrPermission); got != fs.ErrPermission {
		t.Errorf("got %v, want what is no limit as it was", got)
	}
}
