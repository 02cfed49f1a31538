package tlsconfig

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// fileNotes tells what an operator should know about pairs of files, though the server starts with them.
func fileNotes(o Options) []string {
	var notes []string
	for i := range min(len(o.CertFiles), len(o.KeyFiles)) {
		p := &pair{certFile: o.CertFiles[i], keyFile: o.KeyFiles[i]}
		if _, v := p.read().judge(nil, o); v.OK() {
			for _, note := range v.Notes {
				line := p.certFile + ": " + note.Text
				if note.Fix != "" {
					line += "\n      → " + note.Fix
				}
				notes = append(notes, line)
			}
		}
		mode, ok := modeOf(p.keyFile)
		switch {
		case !ok:
		case mode&0o007 != 0:
			notes = append(notes, fmt.Sprintf("every user of this machine can read TLS_KEY_FILE=%q (mode %04o)\n      → chmod 600 %s",
				p.keyFile, mode, p.keyFile))
		case mode&0o077 != 0:
			notes = append(notes, fmt.Sprintf("a group can read TLS_KEY_FILE=%q (mode %04o)\n"+
				"      → unless that is how the server reads it: chmod 600 %s",
				p.keyFile, mode, p.keyFile))
		}
	}
	return notes
}

// cacheNotes tells which files of ACME_CACHE other users can read, and which directories they can change.
func cacheNotes(o Options) []string {
	if isRedis(o.CacheDir) {
		return nil
	}
	var notes []string
	filepath.WalkDir(o.CacheDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is reported elsewhere
		}
		mode, ok := modeOf(path)
		switch {
		case !ok:
		case entry.IsDir() && mode&0o022 != 0:
			notes = append(notes, fmt.Sprintf("users other than its owner can replace files in ACME_CACHE: %s has mode %04o\n"+
				"      → chmod 700 %s", path, mode, path))
		case entry.Type().IsRegular() && mode&0o077 != 0:
			notes = append(notes, fmt.Sprintf("users other than its owner can read a file of ACME_CACHE, where private keys are: %s has mode %04o\n"+
				"      → chmod 600 %s", path, mode, path))
		}
		if len(notes) == 3 {
			return fs.SkipAll
		}
		return nil
	})
	return notes
}

// modeOf is a file's permissions, where files have them.
func modeOf(path string) (fs.FileMode, bool) {
	if runtime.GOOS == "windows" {
		return 0, false
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return info.Mode().Perm(), true
}
