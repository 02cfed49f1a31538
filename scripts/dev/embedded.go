package main

import (
	"encoding/json"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// room is a package that the site is built from, and that was not downloaded: it belongs to this module, to one in
// go.work, or to a folder that go.mod names in a replace.
type room struct {
	dir      string   // from the project's folder, with slashes: "shop/mails", "../lib"
	patterns []string // of its go:embed directives
}

// newRooms are the packages of the build that began at since.
type newRooms struct {
	list  []room
	since time.Time
}

// listRooms asks the go command. A package that does not compile is listed too.
func listRooms(root string, flags []string) (list []room, err error) {
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", slices.Concat([]string{"list", "-e", "-deps", "-json=Dir,EmbedPatterns,Module"}, flags,
		[]string{"./app"})...)
	cmd.Dir = root
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for packages := json.NewDecoder(out); ; {
		var p struct {
			Dir           string
			EmbedPatterns []string
			Module        *struct {
				Main    bool
				Replace *struct{ Version string }
			}
		}
		if packages.Decode(&p) != nil {
			return list, cmd.Wait()
		}
		m := p.Module
		if m == nil || p.Dir == "" || !m.Main && (m.Replace == nil || m.Replace.Version != "") {
			continue
		}
		if dir, err := filepath.Rel(root, p.Dir); err == nil {
			list = append(list, room{filepath.ToSlash(dir), p.EmbedPatterns})
		}
	}
}

// embeds reports whether a package other than web embeds the file. The server itself reads the files of web.
func (w *watcher) embeds(file string) bool {
	list := w.rooms.Load()
	return list != nil && slices.ContainsFunc(*list, func(room room) bool {
		name, below := strings.CutPrefix(file, room.dir+"/")
		if room.dir == "." {
			name, below = file, true
		}
		return below && room.dir != "web" && slices.ContainsFunc(room.patterns, func(p string) bool { return matches(p, name) })
	})
}

// matches reports whether a pattern of go:embed names the file, or a folder around it. In a folder, names that begin
// with a dot or an underscore need the prefix all: (https://pkg.go.dev/embed).
func matches(pattern, file string) bool {
	pattern, all := strings.CutPrefix(pattern, "all:")
	if pattern == "." {
		pattern = "*"
	}
	for inside := ""; ; {
		if ok, _ := path.Match(pattern, file); ok {
			return all || !strings.Contains("/"+inside, "/.") && !strings.Contains("/"+inside, "/_")
		}
		dir, base := path.Split(file)
		if dir == "" {
			return false
		}
		file, inside = strings.TrimSuffix(dir, "/"), path.Join(base, inside)
	}
}

// folder returns the folder of a pattern, up to its first wildcard.
func folder(pattern string) string {
	pattern = strings.TrimPrefix(pattern, "all:")
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		pattern = path.Dir(pattern[:i] + "x")
	}
	return pattern
}
