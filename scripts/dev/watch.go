package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quiet   = 15 * time.Millisecond  // without a further write: editors save in several
	longest = 200 * time.Millisecond // from the first write on, as in a checkout of another branch
)

// watcher reports edits of the files that matter. Editors save in many ways, so it watches directories, and compares
// files once they are quiet instead of interpreting events.
type watcher struct {
	*fsnotify.Watcher
	root    string
	seen    map[string]stamp       // every file that matters, by its path from root
	ignored map[string]bool        // folders that git ignores
	rooms   atomic.Pointer[[]room] // of the last build
	follow  chan newRooms
}

// stamp identifies a state of a file.
type stamp struct {
	modified time.Time
	size     int64
}

func newWatcher(root string) (*watcher, error) {
	fsw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, explain(err)
	}
	w := &watcher{Watcher: fsw, root: root, seen: map[string]stamp{}, ignored: ignored(root), follow: make(chan newRooms)}
	for _, file := range w.add(".") {
		w.seen[file], _ = w.stamp(file)
	}
	return w, nil
}

func (w *watcher) stamp(file string) (s stamp, ok bool) {
	info, err := os.Stat(filepath.Join(w.root, file))
	if err != nil || info.IsDir() {
		return stamp{}, false
	}
	return stamp{info.ModTime(), info.Size()}, true
}

// run sends the paths of edited files, with slashes, until the watcher is closed.
func (w *watcher) run(changes chan<- []string) {
	touched := map[string]bool{}
	var first time.Time
	settled := time.NewTimer(time.Hour)
	touch := func(files ...string) {
		for _, f := range files {
			touched[f] = true
		}
		if len(touched) == 0 {
			return
		}
		if first.IsZero() {
			first = time.Now()
		}
		settled.Reset(min(quiet, time.Until(first.Add(longest))))
	}
	for {
		select {
		case event, open := <-w.Events:
			if !open {
				return
			}
			name, err := filepath.Rel(w.root, event.Name)
			if err != nil {
				continue
			}
			if info, err := os.Lstat(event.Name); err == nil && info.IsDir() {
				if event.Has(fsnotify.Create) && !w.skips(name) {
					touch(w.add(name)...) // files that were written before the directory was watched
				}
			} else if w.kindOf(name) != other {
				touch(filepath.ToSlash(name))
			}
		case err, open := <-w.Errors:
			if !open {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				touch(w.add(".")...)
			} else {
				fmt.Fprintln(os.Stderr, "make dev: watching files:", err)
			}
		case news := <-w.follow:
			touch(w.enter(news)...)
		case <-settled.C:
			if edited := w.edited(touched); len(edited) > 0 {
				changes <- edited
			}
			clear(touched)
			first = time.Time{}
		}
	}
}

// enter watches the packages outside the project's folder, and what packages embed. It returns the files that were not
// followed before and were edited since the build began.
func (w *watcher) enter(news newRooms) (edited []string) {
	w.rooms.Store(&news.list)
	var files []string
	for _, room := range news.list {
		if strings.HasPrefix(room.dir, "../") {
			files = append(files, w.add(room.dir)...)
		}
		for _, pattern := range room.patterns {
			files = append(files, w.add(path.Join(room.dir, folder(pattern)))...)
		}
	}
	for _, file := range files {
		if _, known := w.seen[file]; known {
			continue
		}
		if now, ok := w.stamp(file); ok && now.modified.After(news.since) {
			edited = append(edited, file)
		} else if ok {
			w.seen[file] = now
		}
	}
	return edited
}

// edited returns the touched files that have changed. Files that an editor made and removed again have not, and neither
// have files with new permissions only.
func (w *watcher) edited(touched map[string]bool) (files []string) {
	for file := range touched {
		now, is := w.stamp(file)
		before, was := w.seen[file]
		switch {
		case is:
			w.seen[file] = now
		case was:
			delete(w.seen, file)
		}
		if is != was || is && now != before {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

// kind is what an edit of a file leads to.
type kind int

const (
	other    kind = iota // nothing
	page                 // the server is told
	settings             // a new process
	code                 // a new build
)

// kindOf returns the kind of a file. It is safe for concurrent use.
func (w *watcher) kindOf(file string) kind {
	file = filepath.ToSlash(file)
	if w.embeds(file) {
		return code
	}
	return kindOf(file)
}

func kindOf(file string) kind {
	base := file[strings.LastIndexByte(file, '/')+1:]
	switch {
	case file == ".env":
		return settings
	case file == "go.mod" || file == "go.sum" || file == "go.work":
		return code
	case strings.HasPrefix(base, ".") || strings.HasPrefix(base, "#") || strings.HasSuffix(base, "~") ||
		strings.HasSuffix(base, "_test.go"):
		return other
	case strings.HasSuffix(base, ".go"):
		return code
	case strings.HasPrefix(file, "web/"):
		return page
	// it may be embedded; if not, the build gives the same binary
	case strings.HasPrefix(file, "handlers/"), strings.HasPrefix(file, "app/"):
		return code
	}
	return other
}
