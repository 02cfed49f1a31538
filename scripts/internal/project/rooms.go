package project

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// RoomsFile is the list of a project's closed folders and files (its rooms), which come with the starter and which an
// upgrade replaces. Everything else is the owner's. The file's first lines explain the format.
const RoomsFile = "scripts/rooms/rooms.txt"

// Rooms is what the file says.
type Rooms struct {
	Closed   []Room
	Template []string // files and folders that only the template has: a rename removes them
}

// Room is one closed folder or file.
type Room struct {
	Path string   // relative to the project, with slashes
	May  []string // what its packages may import: paths of the project, and the words gin and autocert
}

// ReadRooms reads the list of the project in dir. The error is fs.ErrNotExist where there is none.
func ReadRooms(dir string) (Rooms, error) {
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(RoomsFile)))
	if err != nil {
		return Rooms{}, err
	}
	return ParseRooms(string(text))
}

// ParseRooms reads the text of a list.
func ParseRooms(text string) (l Rooms, err error) {
	template := false
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		switch fields := strings.Fields(line); {
		case len(fields) == 0:
		case fields[0] == "[template]":
			template = true
		case !local(fields[0]):
			return Rooms{}, fmt.Errorf("%s: %q is not a path inside the project", RoomsFile, fields[0])
		case template:
			l.Template = append(l.Template, fields[0])
		default:
			l.Closed = append(l.Closed, Room{Path: fields[0], May: fields[1:]})
		}
	}
	if len(l.Closed) == 0 {
		return Rooms{}, errors.New(RoomsFile + " lists no room")
	}
	return l, nil
}

// local reports whether p names something below the project. An upgrade removes files below such a path.
func local(p string) bool {
	return filepath.IsLocal(filepath.FromSlash(p)) && path.Clean(p) == p && p != "."
}

// Of returns the room that a file or a package belongs to: the innermost one.
func (l Rooms) Of(file string) (room Room, closed bool) {
	for _, r := range l.Closed {
		if within(file, r.Path) && len(r.Path) > len(room.Path) {
			room, closed = r, true
		}
	}
	return room, closed
}

// Has reports whether file is in a room.
func (l Rooms) Has(file string) bool {
	_, closed := l.Of(file)
	return closed
}

// OfTemplate returns the entry of the template's own files that file belongs to, or "".
func (l Rooms) OfTemplate(file string) string {
	if i := slices.IndexFunc(l.Template, func(p string) bool { return within(file, p) }); i >= 0 {
		return l.Template[i]
	}
	return ""
}

// Outer returns the paths of the rooms that are in no other room: together they hold every closed file once.
func (l Rooms) Outer() (paths []string) {
	for _, r := range l.Closed {
		if !slices.ContainsFunc(l.Closed, func(o Room) bool { return o.Path != r.Path && within(r.Path, o.Path) }) {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

func within(file, dir string) bool { return file == dir || strings.HasPrefix(file, dir+"/") }
