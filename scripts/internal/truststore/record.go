package truststore

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/turnkey/tlsconfig/osfile"
)

// record keeps databases as they were before a root was added, since certutil cannot restore their bytes. It is in the
// CA's directory: trust.json (0600), and copies of the databases in backup/ (0700, files 0600). Copies of key4.db are
// as secret as the browser's own file. They are removed with the root.
type record struct {
	dir       string
	Databases map[string]*snapshot `json:"databases"` // by directory
}

type snapshot struct {
	Made  []string          `json:"made,omitempty"`  // directories that were not there, outermost first
	Files []string          `json:"files,omitempty"` // files that were, each with a copy in backup/
	After map[string]string `json:"after,omitempty"` // SHA-256 of every file right after our change
}

var databaseFiles = []string{"cert9.db", "key4.db", "pkcs11.txt"}

func openRecord(caDir string) (*record, error) {
	r := &record{dir: caDir, Databases: map[string]*snapshot{}}
	data, err := os.ReadFile(r.file())
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	if err == nil && r.Databases == nil {
		err = errors.New("it has no databases")
	}
	if err != nil {
		return nil, fmt.Errorf("reading what earlier runs did: %w; remove %s and try again", err, r.file())
	}
	return r, nil
}

func (r *record) file() string { return filepath.Join(r.dir, "trust.json") }

func (r *record) backup(db string) string {
	return filepath.Join(r.dir, "backup", sum([]byte(db))[:16])
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func (r *record) save() error {
	if len(r.Databases) == 0 {
		os.Remove(filepath.Join(r.dir, "backup"))
		return remove(r.file())
	}
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return osfile.Write(r.file(), append(data, '\n'), 0o600)
}

func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// keep copies a database, and records which of its files do not exist.
func (r *record) keep(db string) error {
	shot := &snapshot{}
	for dir := db; !exists(dir); dir = filepath.Dir(dir) {
		shot.Made = slices.Insert(shot.Made, 0, dir)
	}
	for _, name := range databaseFiles {
		data, err := os.ReadFile(filepath.Join(db, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.MkdirAll(r.backup(db), 0o700)
		}
		if err == nil {
			err = osfile.Write(filepath.Join(r.backup(db), name), data, 0o600)
		}
		if err != nil {
			return err
		}
		shot.Files = append(shot.Files, name)
	}
	r.Databases[db] = shot
	return r.save()
}

// added records the state of the database.
func (r *record) added(db string) (err error) {
	if r.Databases[db].After, err = hashes(db); err != nil {
		return err
	}
	return r.save()
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
		sums[e.Name()] = sum(data)
	}
	return sums, err
}

// untouched reports whether a database has not changed since Add, and no program has it open.
func (r *record) untouched(db string) bool {
	shot := r.Databases[db]
	if shot == nil || shot.After == nil {
		return false
	}
	now, err := hashes(db)
	return err == nil && maps.Equal(now, shot.After) && !inUse(db)
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

// restore restores a database and removes files that did not exist before.
func (r *record) restore(db string) error {
	shot := r.Databases[db]
	for _, name := range databaseFiles {
		path := filepath.Join(db, name)
		undo := func() error { return remove(path) }
		if slices.Contains(shot.Files, name) {
			undo = func() error { return replace(path, filepath.Join(r.backup(db), name)) }
		}
		if err := undo(); err != nil {
			return err
		}
	}
	for _, dir := range slices.Backward(shot.Made) {
		os.Remove(dir) // a folder that other programs use is not empty, and stays
	}
	return nil
}

// replace copies another file over the file at path, or over the target of a link there. It copies all of it or
// nothing.
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
	return osfile.Write(path, data, info.Mode().Perm())
}

func (r *record) forget(db string) error {
	if r.Databases[db] == nil {
		return nil
	}
	delete(r.Databases, db)
	return errors.Join(os.RemoveAll(r.backup(db)), r.save())
}
