// Package web is yours: templates and static files. The binary carries them; in development they are read from the
// disk, so that an edit shows at the next request.
package web

import (
	"embed"
	"io/fs"
	"os"
)

//go:embed templates static
var embedded embed.FS

// FS is the files of this folder. disk names the folder to read live; empty, or a folder without templates, means
// those built into the binary. live tells which.
func FS(disk string) (files fs.FS, live bool) {
	if disk != "" {
		dir := os.DirFS(disk)
		if info, err := fs.Stat(dir, "templates"); err == nil && info.IsDir() {
			return dir, true
		}
	}
	return embedded, false
}
