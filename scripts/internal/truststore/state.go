package truststore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"example.com/turnkey/tlsconfig/localca"
)

// state records what databases were like before a root was added, since certutil alone cannot restore their bytes. It
// is in the CA's directory: trust.json (0600), and copies of the databases in backup/ (0700, files 0600). Copies of
// key4.db are as secret as the browser's own file. They are removed with the root.
type state struct {
	dir       string
	Databases map[string]*snapshot `json:"databases"` // by directory
}

type snapshot struct {
	Made  []string          `json:"made,omitempty"`  // directories that were not there, outermost first
	Files []string          `json:"files,omitempty"` // files that were, each with a copy in backup/
	After map[string]string `json:"after,omitempty"` // SHA-256 of every file right after our change
}

var databaseFiles = []string{"cert9.db", "key4.db", "pkcs11.txt"}

func openState(caDir string) (*state, error) {
	s := &state{dir: caDir, Databases: map[string]*snapshot{}}
	data, err := os.ReadFile(s.file())
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err == nil && s.Databases == nil {
		err = errors.New("it has no databases")
	}
	if err != nil {
		return nil, fmt.Errorf("reading what earlier runs did: %w; remove %s and try again", err, s.file())
	}
	return s, nil
}

func (s *state) file() string { return filepath.Join(s.dir, "trust.json") }

func (s *state) backup(db string) string {
	sum := sha256.Sum256([]byte(db))
	return filepath.Join(s.dir, "backup", hex.EncodeToString(sum[:8]))
}

func (s *state) save() error {
	if len(s.Databases) == 0 {
		os.Remove(filepath.Join(s.dir, "backup"))
		if err := os.Remove(s.file()); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return localca.WriteFile(s.file(), append(data, '\n'), 0o600)
}

// keep copies a database, and records which of its files do not exist.
func (s *state) keep(db string) error {
	shot := &snapshot{}
	for dir := db; !exists(dir); dir = filepath.Dir(dir) {
		shot.Made = slices.Insert(shot.Made, 0, dir)
	}
	for _, name := range databaseFiles {
		from, to := filepath.Join(db, name), filepath.Join(s.backup(db), name)
		data, err := os.ReadFile(from)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := errors.Join(os.MkdirAll(s.backup(db), 0o700), localca.WriteFile(to, data, 0o600)); err != nil {
			return err
		}
		shot.Files = append(shot.Files, name)
	}
	s.Databases[db] = shot
	return s.save()
}

// added records what the database is like now.
func (s *state) added(db string) (err error) {
	if s.Databases[db].After, err = hashes(db); err != nil {
		return err
	}
	return s.save()
}

// untouched reports whether a database is as our change left it.
func (s *state) untouched(db string) bool {
	shot := s.Databases[db]
	if shot == nil || shot.After == nil {
		return false
	}
	now, err := hashes(db)
	return err == nil && maps.Equal(now, shot.After)
}

// restore restores a database and removes files that did not exist before.
func (s *state) restore(db string) error {
	shot := s.Databases[db]
	for _, name := range databaseFiles {
		var err error
		if path := filepath.Join(db, name); slices.Contains(shot.Files, name) {
			err = replace(path, filepath.Join(s.backup(db), name))
		} else if err = os.Remove(path); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	for _, dir := range slices.Backward(shot.Made) {
		os.Remove(dir) // a folder that other programs use is not empty, and stays
	}
	return nil
}

// forget removes the record of a database.
func (s *state) forget(db string) error {
	if s.Databases[db] == nil {
		return nil
	}
	delete(s.Databases, db)
	return errors.Join(os.RemoveAll(s.backup(db)), s.save())
}
