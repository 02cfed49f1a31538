// Package tickets keeps the keys of TLS session tickets in a store, so that a session resumes on every server that has
// the same store, and after a restart.
//
// Each period of twelve hours has a random key. The first process that finds no key for a period makes it, under a
// lock. A process has the keys of the last, this and the next period, and encrypts with the one of this period. So
// every process has a key before the first ticket is made with it, and a ticket is good for twelve to 24 hours. Then
// all processes and the store drop its key, so an attacker cannot use a ticket that was recorded.
//
// While the store does not answer, the processes keep using the last shared key, for seven days at most: crypto/tls
// accepts no older ticket. After that, and before the store was read, each process makes its own random key in each
// period.
package tickets

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"example.com/turnkey/tlsconfig/internal/store"
)

const (
	period = 12 * time.Hour

	// longest is how many periods a key is held.
	longest = int64(7 * 24 * time.Hour / period)

	// File has the keys in the store.
	File = "tickets.key"

	refreshEvery = time.Minute            // the store is read
	retryEvery   = 10 * time.Second       // after an error
	lockedRetry  = 100 * time.Millisecond // while another process makes a key
)

// key is text, as it is in the store. Its hash is the key of crypto/tls.
type key = string

// newKey makes a random key of 260 bits.
func newKey() key { return rand.Text() + rand.Text() }

const keyLen = 2 * 26

// Keys are the keys of one process. They are safe for concurrent use.
type Keys struct {
	slot *store.Slot
	log  *slog.Logger
	now  func() time.Time

	// ring only has keys. It makes and opens the tickets of every configuration, because a clone of a configuration
	// would keep the keys of the moment at which it was made.
	ring *tls.Config

	mu     sync.Mutex
	shared map[int64]key // by period: what the store had last
	local  key           // of this process alone
	made   int64         // the period of local
	used   map[key]int64 // the last period in which a key encrypted
	away   bool          // the store is, and it was logged
}

// New returns the keys that are in this part of a store. The first is of this process alone, until Refresh.
func New(slot *store.Slot, log *slog.Logger) *Keys {
	k := &Keys{slot: slot, log: log, now: time.Now, ring: &tls.Config{}, used: map[key]int64{}}
	k.rotate(k.period())
	return k
}

func (k *Keys) period() int64 { return k.now().Unix() / int64(period/time.Second) }

// Use makes config's tickets with these keys, and returns it. Clones of it that are served use them too. A client
// without TLS 1.3 gets no ticket: in TLS 1.2 a ticket has the secret of the session that it was made in, so who has its
// key can read what was recorded.
func (k *Keys) Use(config *tls.Config) *tls.Config {
	config.WrapSession, config.UnwrapSession = k.ring.EncryptTicket, k.ring.DecryptTicket
	choose := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (chosen *tls.Config, err error) {
		if choose != nil {
			chosen, err = choose(hello)
		}
		if err != nil || slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
			return chosen, err
		}
		if chosen == nil {
			chosen = config
		}
		chosen = chosen.Clone() // less than a hundredth of a handshake's time
		chosen.SessionTicketsDisabled = true
		return chosen, nil
	}
	return config
}

// Run keeps the keys fresh until ctx is done.
func (k *Keys) Run(ctx context.Context) {
	k.slot.Reseal(ctx, File, "")
	for {
		wait := refreshEvery
		switch err := k.Refresh(ctx); {
		case errors.Is(err, store.ErrHeld):
			wait = lockedRetry
		case err != nil:
			wait = retryEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Refresh reads the store, puts there what it misses, and makes the key of this period encrypt. The error is
// store.ErrHeld while another process does the same.
func (k *Keys) Refresh(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.period()
	err := k.share(ctx, now)
	k.rotate(now)
	k.tell(err)
	return err
}

// tell logs that the store does not answer, and that it answers again.
func (k *Keys) tell(err error) {
	switch {
	case err == nil && k.away:
		k.log.Info("the keys of session tickets in ACME_CACHE are used again")
	case err == nil, k.away, errors.Is(err, store.ErrHeld), errors.Is(err, context.Canceled):
		return
	default:
		k.log.Warn("the keys of session tickets in ACME_CACHE cannot be used; sessions may not resume on another server "+
			"and after a restart", "error", err)
	}
	k.away = err != nil
}

// share reads the keys in the store into shared, and stores those that the store lacks.
func (k *Keys) share(ctx context.Context, now int64) error {
	stored, err := k.read(ctx)
	if err != nil {
		return err
	}
	if complete(stored, now) {
		k.shared = stored
		return nil
	}
	var fence int64
	lock, err := k.slot.Lock(ctx, File)
	switch {
	case err == nil:
		defer lock.Unlock(ctx) // or its lease ends
		fence = lock.Fence()
	case errors.Is(err, store.ErrHeld), k.slot.Shared():
		return err
	default: // a file system without locks: this is probably the only process
	}
	if stored, err = k.read(ctx); err != nil {
		return err
	}
	if !complete(stored, now) {
		stored = k.completed(stored, now)
		data, err := json.Marshal(stored)
		if err == nil {
			err = k.slot.Put(ctx, File, "", data, fence)
		}
		if err != nil {
			return err
		}
	}
	k.shared = stored
	return nil
}

// complete reports whether keys have those of this and the next period. There is none of the last one at first.
func complete(keys map[int64]key, now int64) bool {
	return keys[now] != "" && keys[now+1] != ""
}

// completed returns keys without those that are too old, and with those that it misses: from memory, as the store may
// have lost them, or new ones. The period after the next is that of a server whose clock is ahead.
func (k *Keys) completed(keys map[int64]key, now int64) map[int64]key {
	out := map[int64]key{}
	for of := now - 1; of <= now+2; of++ {
		v := cmp.Or(keys[of], k.shared[of])
		if v == "" && (of == now || of == now+1) {
			v = newKey()
		}
		if v != "" {
			out[of] = v
		}
	}
	return out
}

// read returns the keys in the store. What is none is left out: it is made again.
func (k *Keys) read(ctx context.Context) (map[int64]key, error) {
	data, err := k.slot.Get(ctx, File)
	if err != nil && !store.IsMissing(err) {
		return nil, err
	}
	var keys map[int64]key
	json.Unmarshal(data, &keys)
	maps.DeleteFunc(keys, func(_ int64, v key) bool { return len(v) != keyLen })
	return keys, nil
}

// rotate makes the key of this period encrypt, and forgets those that no good ticket was made with. What encrypted in
// the last period still decrypts, also if it was another period's.
func (k *Keys) rotate(now int64) {
	first := k.encrypting(now)
	k.used[first] = now
	maps.DeleteFunc(k.used, func(_ key, last int64) bool { return last < now-1 })
	maps.DeleteFunc(k.shared, func(of int64, v key) bool { return of < now-1 && v != first })
	held := slices.AppendSeq([]key{first}, maps.Values(k.shared))
	var ring [][32]byte
	for _, v := range slices.AppendSeq(held, maps.Keys(k.used)) {
		if sum := sha256.Sum256([]byte(v)); !slices.Contains(ring, sum) {
			ring = append(ring, sum)
		}
	}
	k.ring.SetSessionTicketKeys(ring)
}

// encrypting returns the newest shared key that may encrypt. The period after its last one, in which it decrypts, is
// within longest too.
func (k *Keys) encrypting(now int64) key {
	for of := now; of > now-longest+1; of-- {
		if v, ok := k.shared[of]; ok {
			return v
		}
	}
	if k.made != now {
		k.local, k.made = newKey(), now
	}
	return k.local
}
