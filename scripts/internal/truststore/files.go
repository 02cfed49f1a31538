package truststore

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/turnkey/tlsconfig/localca"
)

// replace copies the bytes of another file to the file that path is, or is a link to: all of them or none.
func replace(path, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return localca.WriteFile(path, data, info.Mode().Perm())
}

// hashes includes SQLite's journals. A journal means that a change is under way.
func hashes(db string) (map[string]string, error) {
	sums := map[string]string{}
	entries, err := os.ReadDir(db)
	for _, e := range entries {
		if !slices.ContainsFunc(databaseFiles, func(name string) bool { return strings.HasPrefix(e.Name(), name) }) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(db, e.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		sums[e.Name()] = hex.EncodeToString(sum[:])
	}
	return sums, err
}

// inUse reports whether a process has the database open. It reads /proc, and reports false on systems without it.
func inUse(db string) bool {
	info, err := os.Stat(filepath.Join(db, "cert9.db"))
	if err != nil {
		return false
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	return slices.ContainsFunc(fds, func(fd string) bool {
		open, err := os.Stat(fd)
		return err == nil && os.SameFile(info, open)
	})
}
