package handlers

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// accountsFile keeps users and sessions in one file. bbolt locks the file while it is open. Two processes use it during
// an edit under `make dev`, a deployment, and a command, so each transaction opens and closes it.
type accountsFile struct {
	path string
	mu   sync.RWMutex // goroutines of this process wait here, since bbolt would ask for the file's lock every 50 ms
}

const lockWait = 5 * time.Second // for a transaction of another process

var (
	usersBucket    = []byte("users")    // by address, JSON
	sessionsBucket = []byte("sessions") // by the hash of the cookie: when it expires, as 8 bytes, and its data
)

// openFile returns the file at path, and creates it if it does not exist. It returns an error if this user may not
// write it.
func openFile(path string) (*accountsFile, error) {
	f := &accountsFile{path: path}
	err := f.with(false, func(*bbolt.DB) error { return nil })
	if err != nil {
		err = fmt.Errorf("DATA_DIR: %w; accounts are kept there: this user has to read and write them, "+
			"and no program may hold them open", err)
	}
	return f, err
}

// read calls do with a bucket, unless the bucket does not exist yet.
func (f *accountsFile) read(bucket []byte, do func(*bbolt.Bucket) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	err := f.with(true, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			if b := tx.Bucket(bucket); b != nil {
				return do(b)
			}
			return nil
		})
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *accountsFile) write(bucket []byte, do func(*bbolt.Bucket) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.with(false, func(db *bbolt.DB) error {
		return db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			return do(b)
		})
	})
}

func (f *accountsFile) with(readOnly bool, do func(*bbolt.DB) error) (err error) {
	db, err := bbolt.Open(f.path, 0o600, &bbolt.Options{Timeout: lockWait, ReadOnly: readOnly})
	if err != nil {
		return fmt.Errorf("opening %s: %w", f.path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }() // after a panic too: it would stay locked
	return do(db)
}

func (f *accountsFile) get(email string) (data string, err error) {
	err = f.read(usersBucket, func(b *bbolt.Bucket) error {
		data = string(b.Get([]byte(email)))
		return nil
	})
	if err == nil && data == "" {
		err = sql.ErrNoRows
	}
	return data, err
}

func (f *accountsFile) create(email, data string) error { return f.replace(email, "", data) }

func (f *accountsFile) replace(email, old, data string) error {
	return f.write(usersBucket, func(b *bbolt.Bucket) error {
		if string(b.Get([]byte(email))) != old {
			return sql.ErrNoRows
		}
		return b.Put([]byte(email), []byte(data))
	})
}

func (f *accountsFile) list() (string, error) {
	var all []string
	err := f.read(usersBucket, func(b *bbolt.Bucket) error {
		return b.ForEach(func(_, data []byte) error {
			all = append(all, string(data))
			return nil
		})
	})
	return "[" + strings.Join(all, ",") + "]", err
}

// Find implements scs.Store.
func (f *accountsFile) Find(token string) (data []byte, found bool, err error) {
	err = f.read(sessionsBucket, func(b *bbolt.Bucket) error {
		stored := b.Get([]byte(token))
		if found = stored != nil && !expired(stored); found {
			data = slices.Clone(stored[8:]) // stored is valid during the transaction only
		}
		return nil
	})
	return data, found, err
}

// Commit implements scs.Store.
func (f *accountsFile) Commit(token string, data []byte, expires time.Time) error {
	return f.write(sessionsBucket, func(b *bbolt.Bucket) error {
		if err := removeExpired(b, []byte(token)); err != nil {
			return err
		}
		stored := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
		return b.Put([]byte(token), append(stored, data...))
	})
}

// removeExpired checks some sessions, starting at a token. Tokens are random, so each session is checked from time to
// time.
func removeExpired(b *bbolt.Bucket, from []byte) error {
	c := b.Cursor()
	token, stored := c.Seek(from)
	for n := 0; n < 100 && token != nil; n++ {
		if expired(stored) {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		token, stored = c.Next()
	}
	return nil
}

// Delete implements scs.Store.
func (f *accountsFile) Delete(token string) error {
	return f.write(sessionsBucket, func(b *bbolt.Bucket) error { return b.Delete([]byte(token)) })
}

func expired(stored []byte) bool {
	return len(stored) < 8 || time.Now().Unix() >= int64(binary.BigEndian.Uint64(stored))
}

// Close does nothing: the file is open during a transaction only.
func (f *accountsFile) Close() error { return nil }
