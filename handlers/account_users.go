package handlers

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"example.com/turnkey/app/kit"
)

// user is an account.
type user struct {
	Email      string
	Hash       string // of the password
	Generation int    // counts new passwords; a session is valid while it has the same number
	Since      time.Time
	Proved     bool // the password was set by a link, so the address is the user's
	Admin      bool `json:"-"` // Proved, and ACCOUNT_ADMINS has the address; set by findSignedIn
	Link       link
}

// userStore keeps accounts by address, as JSON. It is safe for concurrent use, by several processes too: while a new
// process starts, the old one still serves. What is stored survives a crash.
//
// The error is sql.ErrNoRows where get finds nothing, and where create and replace therefore store nothing.
type userStore interface {
	get(email string) (data string, err error)
	create(email, data string) error       // unless there is one
	replace(email, old, data string) error // unless another process has changed it from old
	list() (array string, err error)       // all accounts, as one JSON array
	Close() error
}

// users are the accounts in a store.
type users struct{ store userStore }

var (
	errTaken  = errors.New("the address has an account")
	errNoUser = errors.New("the address has no account")
	errAway   = kit.Status(http.StatusServiceUnavailable, "the store of accounts fails")
)

// away makes 503 of an error of the store, which may be back soon. An error that is nil stays nil.
func away(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errAway, err)
}

// find returns nil for an address without an account.
func (s users) find(email string) (*user, error) {
	u, _, err := s.read(email)
	if errors.Is(err, errNoUser) {
		return nil, nil
	}
	return u, err
}

func (s users) read(email string) (u *user, data string, err error) {
	data, err = s.store.get(email)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", errNoUser
	} else if err != nil {
		return nil, "", away(err)
	}
	u = new(user)
	return u, data, json.Unmarshal([]byte(data), u)
}

func (s users) create(u user) error {
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	err = s.store.create(u.Email, string(data))
	if errors.Is(err, sql.ErrNoRows) {
		return errTaken
	}
	return away(err)
}

// update changes an account, unless change returns an error. It calls change again if another request was faster.
func (s users) update(email string, change func(*user) error) (*user, error) {
	for {
		u, old, err := s.read(email)
		if err != nil {
			return nil, err
		}
		if err := change(u); err != nil {
			return nil, err
		}
		data, err := json.Marshal(u)
		if err != nil {
			return nil, err
		}
		if err := s.store.replace(email, old, string(data)); !errors.Is(err, sql.ErrNoRows) {
			return u, away(err)
		}
	}
}

// all returns the accounts in the order of their addresses.
func (s users) all() ([]user, error) {
	list, err := s.store.list()
	if err != nil {
		return nil, away(err)
	}
	var all []user
	err = json.Unmarshal([]byte(list), &all)
	slices.SortFunc(all, func(a, b user) int { return strings.Compare(a.Email, b.Email) })
	return all, err
}

func checkAdmins(value string) error {
	_, err := admins(value)
	return err
}

// admins returns the addresses in the value of ACCOUNT_ADMINS.
func admins(value string) (map[string]bool, error) {
	out := map[string]bool{}
	for address := range strings.SplitSeq(value, ",") {
		if address = normalAddress(address); address == "" {
			continue
		} else if !strings.Contains(address, "@") {
			return nil, fmt.Errorf("%q is no email address", address)
		}
		out[address] = true
	}
	return out, nil
}

// normalAddress returns ada@example.com for Ada@Example.com, so that both are one account. Addresses that look the
// same, with é as one character or as two, or with invisible characters, are one account too: an admin could otherwise
// mistake an attacker for Ada. Letters that only look alike, such as the Latin and the Cyrillic a, stay two accounts,
// because they are two mailboxes. So go by Proved, not by how an address looks.
func normalAddress(email string) string {
	visible := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, email)
	return strings.ToLower(strings.TrimSpace(norm.NFC.String(visible)))
}
