package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

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

// userStore keeps accounts. It is safe for concurrent use, by several processes too: while a new process starts, the old
// one still serves. What a method has stored survives a crash.
type userStore interface {
	find(email string) (*user, error)                             // nil: there is none
	create(user) error                                            // errTaken
	update(email string, change func(*user) error) (*user, error) // errNoUser; may call change again
	all() ([]user, error)                                         // ordered by address
	sweep(context.Context) error                                  // removes expired sessions, until the context ends
	close() error
}

var (
	errTaken  = errors.New("the address has an account")
	errNoUser = errors.New("the address has no account")
)

// openAccounts opens the store: Redis where SESSION_STORE or ACME_CACHE names one, which all replicas share, otherwise
// a file.
func openAccounts(p kit.Program) (userStore, *sessions, error) {
	for _, setting := range []string{"SESSION_STORE", "ACME_CACHE"} {
		if store := p.Setting(setting); checkStore(store) == nil {
			domain, _, _ := strings.Cut(p.Setting("DOMAINS"), ",")
			r, err := openRedis(setting, store, strings.TrimSpace(domain))
			return r, newSessions(r.sessions()), err
		}
	}
	dir, err := p.DataDir()
	if err != nil {
		return nil, nil, err
	}
	f, err := openFile(filepath.Join(dir, "accounts.db"))
	if err != nil {
		return nil, nil, err
	}
	return f, newSessions(f), nil
}

// checkStore returns what is wrong with the URL of a Redis or Valkey server.
func checkStore(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || !slices.Contains([]string{"redis", "rediss", "valkey", "valkeys"}, u.Scheme) {
		return errors.New("has to begin with redis://, rediss://, valkey:// or valkeys://, and to name a host")
	}
	return nil
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
			return nil, fmt.Errorf("%q is no e-mail address", address)
		}
		out[address] = true
	}
	return out, nil
}

// normalAddress makes ada@example.com of Ada@Example.com, so that both are one account.
func normalAddress(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
