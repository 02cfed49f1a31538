package handlers

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// accountsFile keeps users and sessions in one file. bbolt locks the file while it is open, and during each edit of
// `make dev`, each deployment and each command two processes use it. So each transaction opens it.
type accountsFile struct {
	path string
	mu   sync.RWMutex // this process waits here; bbolt asks for the lock of a file every 50 ms
}

const lockWait = 5 * time.Second // for a transaction of another process

var (
	usersBucket    = []byte("users")    // by address, JSON
	sessionsBucket = []byte("sessions") // by the hash of the cookie: when it expires, as 8 bytes, and its data
)

func openFile(path string) (*accountsFile, error) {
	f := &accountsFile{path: path}
	return f, f.write(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{usersBucket, sessionsBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *accountsFile) read(do func(*bbolt.Tx) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.with(true, func(db *bbolt.DB) error { return db.View(do) })
}

func (f *accountsFile) write(do func(*bbolt.Tx) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.with(false, func(db *bbolt.DB) error { return db.Update(do) })
}

func (f *accountsFile) with(readOnly bool, do func(*bbolt.DB) error) error {
	db, err := bbolt.Open(f.path, 0o600, &bbolt.Options{Timeout: lockWait, ReadOnly: readOnly})
	if err != nil {
		return fmt.Errorf("opening %s: %w", f.path, err)
	}
	err = do(db)
	return errors.Join(err, db.Close())
}

func (f *accountsFile) find(email string) (u *user, err error) {
	err = f.read(func(tx *bbolt.Tx) error {
		if data := tx.Bucket(usersBucket).Get([]byte(email)); data != nil {
			u = new(user)
			return json.Unmarshal(data, u)
		}
		return nil
	})
	return u, err
}

func (f *accountsFile) create(u user) error {
	return f.write(func(tx *bbolt.Tx) error {
		if tx.Bucket(usersBucket).Get([]byte(u.Email)) != nil {
			return errTaken
		}
		return put(tx, u)
	})
}

func put(tx *bbolt.Tx, u user) error {
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return tx.Bucket(usersBucket).Put([]byte(u.Email), data)
}

func (f *accountsFile) update(email string, change func(*user) error) (*user, error) {
	var u user
	err := f.write(func(tx *bbolt.Tx) error {
		data := tx.Bucket(usersBucket).Get([]byte(email))
		if data == nil {
			return errNoUser
		}
		if err := json.Unmarshal(data, &u); err != nil {
			return err
		}
		if err := change(&u); err != nil {
			return err
		}
		return put(tx, u)
	})
	return &u, err
}

func (f *accountsFile) all() (out []user, err error) {
	err = f.read(func(tx *bbolt.Tx) error {
		return tx.Bucket(usersBucket).ForEach(func(_, data []byte) error {
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
	err = f.read(func(tx *bbolt.Tx) error {
		stored := tx.Bucket(sessionsBucket).Get([]byte(token))
		if found = stored != nil && !expired(stored); found {
			data = slices.Clone(stored[8:]) // stored is valid during the transaction only
		}
		return nil
	})
	return data, found, err
}

// Commit implements scs.Store.
func (f *accountsFile) Commit(token string, data []byte, expires time.Time) error {
	return f.write(func(tx *bbolt.Tx) error {
		stored := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
		return tx.Bucket(sessionsBucket).Put([]byte(token), append(stored, data...))
	})
}

// Delete implements scs.Store.
func (f *accountsFile) Delete(token string) error {
	return f.write(func(tx *bbolt.Tx) error { return tx.Bucket(sessionsBucket).Delete([]byte(token)) })
}

func expired(stored []byte) bool {
	return len(stored) < 8 || time.Now().Unix() >= int64(binary.BigEndian.Uint64(stored))
}

// sweep removes sessions that have expired.
func (f *accountsFile) sweep() error {
	return f.write(func(tx *bbolt.Tx) error {
		c := tx.Bucket(sessionsBucket).Cursor()
		for token, stored := c.First(); token != nil; token, stored = c.Next() {
			if expired(stored) {
				if err := c.Delete(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
