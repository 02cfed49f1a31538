// Package truststore makes browsers and other programs trust the development CA, and undoes that.
//
// Every place where programs look for trusted roots is a Store. Stores of the user need no administrator. Those of the
// system do, and are changed only on request. Trust and Untrust go through all stores, also after one has failed, and
// report "trusted" only if the store itself accepts a certificate of the CA afterwards.
//
// It is for the commands below scripts/. Production does not use it.
package truststore

import (
	"context"
	"errors"
	"strings"
)

// NamePrefix begins the common name of every root of this project's CA. Roots with this name may be removed.
const NamePrefix = "Turnkey dev root "

// Scope is whom a store belongs to.
type Scope string

const (
	User   Scope = "user"   // changed without an administrator's password
	System Scope = "system" // changed only when asked for
)

// Info describes a store.
type Info struct {
	Store  string `json:"store"` // the programs that read it
	Where  string `json:"where"` // its place, for people
	Scope  Scope  `json:"scope"`
	ByHand string `json:"by_hand"` // what a person can do instead of this program
}

// Store is one place where programs look for the roots that they trust.
type Store interface {
	Info() Info

	// Has asks the store itself whether a certificate of the CA is accepted.
	Has(context.Context) (bool, error)
	// Add adds the root. It replaces older ones of the CA where that asks the user for nothing.
	Add(context.Context) error
	// Remove removes every root of the CA, older ones too. how describes what was done, and is empty if there was none.
	Remove(context.Context) (how string, err error)
	// Restart names the program that runs with the store open and sees a change only after a restart, if there is one.
	Restart() string
}

// Blocked is a known reason why a store cannot be changed, such as a tool that is not installed. It is no failure.
type Blocked struct{ Why, Next string }

func (b *Blocked) Error() string { return b.Why + "; " + b.Next }

// Status of a store after Trust or Untrust.
type Status string

const (
	Trusted    Status = "trusted"
	NotTrusted Status = "not trusted"
	Unchanged  Status = "unchanged" // Blocked when it was to be removed
	Failed     Status = "failed"    // something went wrong that is not Blocked
)

// Row is the result for one store.
type Row struct {
	Info
	Status Status `json:"status"`
	Why    string `json:"why,omitempty"`
	Next   string `json:"next,omitempty"` // what to do or run next
}

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
		row.Status = Trusted
		if program := s.Restart(); program != "" {
			row.Next = "restart " + program + " once"
		}
		return err
	})
}

// Untrust removes every root of the CA from all stores; from the system's only if system is set.
func Untrust(ctx context.Context, h *Host, stores []Store, system bool) []Row {
	return each(stores, Unchanged, func(s Store, row *Row) error {
		if row.Scope == System && !system {
			if has, err := s.Has(ctx); err != nil || !has {
				row.Why = "was not there"
				return err
			}
			row.Status, row.Why, row.Next = Trusted, "left alone: it needs an administrator", "make untrust SYSTEM=1"
			return nil
		}
		how, err := s.Remove(ctx)
		switch row.Why = how; {
		case how == "":
			row.Why = "was not there"
		case h.DryRun:
			row.Status, row.Why, row.Next = Trusted, "dry run: nothing was changed", "make untrust"
		case s.Restart() != "":
			row.Next = "restart " + s.Restart() + " once"
		}
		return err
	})
}

// each goes on after an error: a failed store says nothing about the next.
func each(stores []Store, blockedStatus Status, do func(Store, *Row) error) []Row {
	rows := make([]Row, 0, len(stores))
	for _, s := range stores {
		row := Row{Info: s.Info(), Status: NotTrusted}
		err := do(s, &row)
		var blocked *Blocked
		switch {
		case errors.As(err, &blocked):
			row.Status, row.Why, row.Next = blockedStatus, blocked.Why, blocked.Next
		case err != nil:
			row.Status, row.Why, row.Next = Failed, strings.ReplaceAll(err.Error(), "\n",
				"; "), "try again, or by hand: "+row.ByHand
		}
		rows = append(rows, row)
	}
	return rows
}
