package main

import (
	"path/filepath"
	"strings"
)

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
	if w.rooms.embeds(file) {
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
