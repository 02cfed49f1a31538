package main

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestWatchLimitOfTheSystemIsNamed(t *testing.T) {
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

func TestKindOfAnEditedFile(t *testing.T) {
	for file, want := range map[string]kind{
		".env": settings, ".env.example": other, "go.mod": code, "go.work": code,
		"handlers/home.go": code, "handlers/home_test.go": other, "handlers/.home.go.swp": other, "handlers/home.go~": other,
		"handlers/orders.sql": code, "app/devpages.js": code, // go:embed
		"mine/deep/room.go": code, "mine/data.db": other, // a database there would be built for at each write
		"web/templates/home.html": page, "web/static/js/app.js": page, "web/web.go": code, "README.md": other,
	} {
		if got := kindOf(file); got != want {
			t.Errorf("%s is of kind %v, want %v", file, got, want)
		}
	}
}
