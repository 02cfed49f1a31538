package handlers

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// accountsFile keeps users and sessions in one file. bbolt locks the file while it is open, and during each edit of
// `make dev`, each deployment and each command two processes use it. So each transaction opens it.
type accountsFile struct {
	path string
	mu   sync.RWMutex // goroutines of this process wait here, since bbolt would ask for the file's lock every 50 ms
}

const lockWait = 5 * time.Second // for a transaction of another process

var (
	usersBucket    = []byte("users")    // by address, JSON
	sessionsBucket = []byte("sessions") // by the hash of the cookie: when it expires, as 8 bytes, and its data
)

// openFile returns the file at path, and makes it where there is none. A file that this user may not write is an error.
func openFile(path string) (*accountsFile, error) {
	f := &accountsFile{path: path}
	err := f.with(false, func(*bbolt.DB) error { return nil })
	if err != nil {
		err = fmt.Errorf("DATA_DIR: %w; accounts are kept there, and this user has to read and write them", err)
	}
	return f, err
}

// read calls do with a bucket, unless nothing was ever stored in it.
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

func (f *accountsFile) find(email string) (u *user, err error) {
	err = f.read(usersBucket, func(b *bbolt.Bucket) error {
		if data := b.Get([]byte(email)); data != nil {
			u = new(user)
			return json.Unmarshal(data, u)
		}
		return nil
	})
	return u, err
}

func (f *accountsFile) create(u user) error {
	return f.write(usersBucket, func(b *bbolt.Bucket) error {
		if b.Get([]byte(u.Email)) != nil {
			return errTaken
		}
		return put(b, u)
	})
}

func put(b *bbolt.Bucket, u user) error {
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return b.Put([]byte(u.Email), data)
}

func (f *accountsFile) update(email string, change func(*user) error) (*user, error) {
	u := new(user)
	err := f.write(usersBucket, func(b *bbolt.Bucket) error {
		data := b.Get([]byte(email))
		if data == nil {
			return errNoUser
		}
		if err := json.Unmarshal(data, u); err != nil {
			return err
		}
		if err := change(u); err != nil {
			return err
		}
		return put(b, *u)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (f *accountsFile) all() (out []user, err error) {
	err = f.read(usersBucket, func(b *bbolt.Bucket) error {
		return b.ForEach(func(_, data []byte) error {
			var u user
			err := json.Unmarshal(data, &u)
			out = append(out, u)
			return err
		})
	})
	return out, err
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
		stored := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
		return b.Put([]byte(token), append(stored, data...))
	})
}

// Delete implements scs.Store.
func (f *accountsFile) Delete(token string) error {
	return f.write(sessionsBucket, func(b *bbolt.Bucket) error { return b.Delete([]byte(token)) })
}

func expired(stored []byte) bool {
	return len(stored) < 8 || time.Now().Unix() >= int64(binary.BigEndian.Uint64(stored))
}

func (f *accountsFile) sweep(ctx context.Context) error {
	for {
		if err := f.removeExpired(); err != nil {
			slog.ErrorContext(ctx, "expired sessions stay in the store", "error", err)
		}
		select {
		case <-time.After(time.Hour):
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *accountsFile) removeExpired() error {
	var old [][]byte
	err := f.read(sessionsBucket, func(b *bbolt.Bucket) error {
		return b.ForEach(func(token, stored []byte) error {
			if expired(stored) {
				old = append(old, slices.Clone(token))
			}
			return nil
		})
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return f.write(sessionsBucket, func(b *bbolt.Bucket) error {
		for _, token := range old {
			if err := b.Delete(token); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *accountsFile) close() error { return nil } // it is open during a transaction only
