package pages

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// The folders of a site's files.
const (
	templatesFolder = "templates"
	staticFolder    = "static"
	rootFolder      = "root"
)

// UnservedFiles returns a note for each file or folder below templates, static and root that is never served, in
// development and in production. The disk can have more of them than the binary, because go:embed leaves some out.
func UnservedFiles(files fs.FS) (notes []string) {
	for _, folder := range []string{templatesFolder, staticFolder, rootFolder} {
		_, unserved, _ := list(files, folder)
		notes = append(notes, unserved...)
	}
	return notes
}

// Has reports whether files has one of the folders of a site.
func Has(files fs.FS) bool {
	return slices.ContainsFunc([]string{templatesFolder, staticFolder, rootFolder}, func(folder string) bool {
		info, err := fs.Stat(files, folder)
		return err == nil && info.IsDir()
	})
}

// list returns the files in a folder that belong to the site, by their paths in files, and a note for what does not.
// A folder that does not exist has no files.
func list(files fs.FS, folder string) (names, unserved []string, err error) {
	err = fs.WalkDir(files, folder, func(name string, d fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = fs.Lstat(files, name) // WalkDir follows a link at folder itself
		}
		if errors.Is(err, fs.ErrNotExist) { // as a file that was removed after its folder was read
			return nil
		}
		if err != nil {
			return err
		}
		if why := exclusion(files, name, info); why != "" {
			unserved = append(unserved, path.Join("web", name)+" is not served: "+why)
			if d.IsDir() {
				return fs.SkipDir
			}
		} else if !info.IsDir() {
			names = append(names, name)
		}
		return nil
	})
	return names, unserved, err
}

// has reports whether a file belongs to the site, by the rule of list.
func has(files fs.FS, name string) bool {
	if !fs.ValidPath(name) {
		return false
	}
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		info, err := fs.Lstat(files, name[:i])
		if err != nil || info.IsDir() != (i < len(name)) || exclusion(files, name[:i], info) != "" {
			return false
		}
	}
	return true
}

// exclusion returns why a file or folder does not belong to the site, or "". The rule is that of go:embed with the
// prefix all:, which leaves out links, other irregular files and folders of other modules, and fails for some names.
// Names that begin with a dot and backups of editors are excluded too: they are secrets and drafts more often than
// pages.
func exclusion(files fs.FS, name string, info fs.FileInfo) string {
	base := path.Base(name)
	lower := strings.ToLower(base)
	switch {
	case info.Mode().Type() == fs.ModeSymlink:
		return "a symbolic link is not built into the binary"
	case !info.IsDir() && !info.Mode().IsRegular():
		return "it is no regular file"
	case strings.HasPrefix(base, ".") && base != ".well-known":
		return "its name begins with a dot"
	case strings.HasPrefix(base, "#") && strings.HasSuffix(base, "#"), strings.HasSuffix(base, "~"),
		slices.Contains(backups, path.Ext(lower)):
		return "its name is that of an editor's backup"
	case strings.ContainsFunc(base, notEmbedded), strings.HasSuffix(base, "."), devices.MatchString(base):
		return "go:embed takes no file of such a name"
	}
	if info.IsDir() {
		if _, err := fs.Stat(files, path.Join(name, "go.mod")); err == nil {
			return "it holds another Go module, which is not built into the binary"
		}
	}
	return ""
}

// backups are the ends of names that editors, patch and version control give to what is left of an edit.
var backups = []string{".bak", ".orig", ".rej", ".swo", ".swp", ".tmp"}

// notEmbedded reports whether go:embed takes no name with r (golang.org/x/mod/module.CheckFilePath).
func notEmbedded(r rune) bool {
	return !unicode.IsLetter(r) && !strings.ContainsRune("0123456789!#$%&()+,-.=@[]^_{}~ ", r)
}

// devices matches names that Windows has for devices, whatever their ending. go:embed refuses them too.
var devices = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\.|$)`)
