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

// The patterns are go:embed's: https://pkg.go.dev/embed.
func TestEmbeddedFilesAreCode(t *testing.T) {
	var w watcher
	w.rooms.Store(&[]room{{"web", []string{"templates"}}, {"shop/mails", []string{"*.txt", "views", "all:kept"}}, {"../lib", []string{"data/*/x"}}, {".", []string{"notes.md"}}})
	for file, want := range map[string]kind{
		"web/templates/home.html": page, "shop/mails/hello.txt": code, "shop/mails/hello.md": other, "shop/mails/views/a/b.html": code,
		"shop/mails/views/.hidden": other, "shop/mails/views/_part/b.html": other, "shop/mails/kept/.hidden/_x": code,
		"shop/mails/sub/hello.txt": other, "../lib/data/en/x": code, "../lib/data/en/x/deep": code, "../lib/data/x": other,
		"../lib/lib.go": code, "notes.md": code, "README.md": other, ".env": settings,
	} {
		if got := w.kindOf(file); got != want {
			t.Errorf("%s is of kind %v, want %v", file, got, want)
		}
	}
	for pattern, want := range map[string]string{"*.txt": ".", "all:views": "views", "data/*/x": "data", "a/b*": "a", "a/b/c.txt": "a/b/c.txt"} {
		if got := folder(pattern); got != want {
			t.Errorf("the folder of %q is %q, want %q", pattern, got, want)
		}
	}
}
