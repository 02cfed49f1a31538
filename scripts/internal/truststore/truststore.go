// Package truststore makes browsers and other programs trust the development CA, and undoes that.
//
// Every place where programs look for trusted roots is a Store. Stores of the user need no administrator. Stores of the
// system need one, and are changed only on request. Trust and Untrust go through all stores, also after one has failed.
// They report "trusted" only if the store itself accepts a certificate of the CA afterwards.
//
// It is for the commands below scripts/. Production does not use it.
package truststore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// NamePrefix begins the common name of every root of this project's CA. Roots with this name may be removed.
const NamePrefix = "Turnkey dev root "

// Info describes a store.
type Info struct {
	Store  string `json:"store"`   // the programs that read it
	Where  string `json:"where"`   // its place, for people
	Scope  string `json:"scope"`   // User or System
	ByHand string `json:"by_hand"` // what a person can do instead of this program
}

// Scopes: the owner of a store.
const (
	User   = "user"   // changed without an administrator's password
	System = "system" // changed only when asked for
)

// Store is one place where programs look for the roots that they trust.
type Store interface {
	Info() Info

	// Has asks the store itself whether a certificate of the CA is accepted.
	Has(context.Context) (bool, error)
	// Add adds the root. It replaces older roots of the CA if that needs no answer from the user.
	Add(context.Context) error
	// Remove removes every root of the CA, older ones too. how describes what was done, and is empty if there was none.
	Remove(context.Context) (how string, err error)
	// Restart names the running program that sees a change only after a restart, or returns "".
	Restart() string
}

// stateless is embedded in stores whose readers see a change at once.
type stateless struct{}

func (stateless) Restart() string { return "" }

// Blocked is a known reason why a store cannot be changed, such as a tool that is not installed. It is no failure.
type Blocked struct{ Why, Next string }

func (b *Blocked) Error() string { return b.Why + "; " + b.Next }

// Detect finds the stores of this machine. caDir is the CA's directory; root may be nil to remove only.
func Detect(ctx context.Context, h *Host, caDir string, root *Root) ([]Store, error) {
	m := machine{h, root}
	switch h.OS {
	case "windows":
		return []Store{m.certstore("certutil.exe")}, nil
	case "darwin":
		return []Store{m.keychain()}, nil
	}
	if h.Getenv("HOME") == "" {
		return nil, errors.New("HOME is not set, so the browsers' files cannot be found; set it and try again")
	}
	rec, err := openRecord(caDir)
	if err != nil {
		return nil, err
	}
	dbs := h.databases()
	for _, dir := range slices.Sorted(maps.Keys(rec.Databases)) {
		if root == nil && !slices.ContainsFunc(dbs, func(db database) bool { return db.dir == dir }) {
			dbs = append(dbs, database{"a browser, found earlier", dir, chromium})
		}
	}
	var stores []Store
	for _, db := range dbs {
		stores = append(stores, &nss{m, db, rec})
	}
	if !slices.ContainsFunc(dbs, func(db database) bool { return db.family == firefox }) &&
		(installed("firefox") || installed("firefox-esr")) {
		stores = append(stores, unstarted{})
	}
	if windows := m.wsl(ctx); windows != nil {
		stores = append(stores, windows)
	}
	return append(stores, m.system()), nil
}

// Row is the result for one store.
type Row struct {
	Info
	Status string `json:"status"`
	Why    string `json:"why,omitempty"`
	Next   string `json:"next,omitempty"` // what to do or run next
}

// Statuses of a store after Trust or Untrust.
const (
	Trusted    = "trusted"
	NotTrusted = "not trusted"
	Unchanged  = "unchanged" // Blocked when it was to be removed
	Failed     = "failed"    // something went wrong that is not Blocked
)

// Trust adds the root to every store that does not accept it yet; to the system's only if system is set.
func Trust(ctx context.Context, h *Host, stores []Store, system bool) []Row {
	return each(stores, NotTrusted, func(s Store, row *Row) error {
		has, err := s.Has(ctx)
		if err != nil || has {
			row.Status = Trusted
			return err
		}
		if row.Scope == System && !system {
			row.Why, row.Next = "left alone: it needs an administrator", "make trust SYSTEM=1"
			return nil
		}
		if err := s.Add(ctx); err != nil {
			return err
		}
		if h.DryRun {
			row.Why, row.Next = "dry run: nothing was changed", "make trust"
			return nil
		}
		if has, err = s.Has(ctx); err == nil && !has {
			err = errors.New("the certificate was added, but the store does not accept it")
		}
		row.Status, row.Next = Trusted, restart(s)
		return err
	})
}

// Untrust removes every root of the CA from all stores; from the system's only if system is set.
func Untrust(ctx context.Context, h *Host, stores []Store, system bool) []Row {
	return each(stores, Unchanged, func(s Store, row *Row) error {
		row.Why = "was not there"
		if row.Scope == System && !system {
			has, err := s.Has(ctx)
			if err == nil && has {
				row.Status, row.Why, row.Next = Trusted, "left alone: it needs an administrator", "make untrust SYSTEM=1"
			}
			return err
		}
		how, err := s.Remove(ctx)
		switch {
		case how == "":
		case h.DryRun:
			row.Status, row.Why, row.Next = Trusted, "dry run: nothing was changed", "make untrust"
		default:
			row.Why, row.Next = how, restart(s)
		}
		return err
	})
}

func restart(s Store) string {
	if program := s.Restart(); program != "" {
		return "restart " + program + " once"
	}
	return ""
}

// each continues after an error, because a failed store says nothing about the next.
func each(stores []Store, blockedStatus string, do func(Store, *Row) error) []Row {
	rows := make([]Row, 0, len(stores))
	for _, s := range stores {
		row := Row{Info: s.Info(), Status: NotTrusted}
		err := do(s, &row)
		if blocked, ok := errors.AsType[*Blocked](err); ok {
			row.Status, row.Why, row.Next = blockedStatus, blocked.Why, blocked.Next
		} else if err != nil {
			row.Status, row.Why = Failed, strings.ReplaceAll(err.Error(), "\n", "; ")
			row.Next = "try again, or by hand: " + row.ByHand
		}
		rows = append(rows, row)
	}
	return rows
}
