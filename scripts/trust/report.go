package main

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
)

// report is the result of a run, as JSON has it.
type report struct {
	Removed bool              `json:"removed"` // whether it was to remove
	DryRun  bool              `json:"dry_run"`
	Root    *rootInfo         `json:"root,omitempty"`
	Stores  []truststore.Row  `json:"stores"`
	Hints   []truststore.Hint `json:"hints,omitempty"`
}

type rootInfo struct {
	Name    string    `json:"name"`
	File    string    `json:"file"`
	SHA256  string    `json:"sha256"`
	Expires time.Time `json:"expires"`
}

func (t *trust) report(rows []truststore.Row) error {
	r := report{Removed: t.remove, DryRun: t.dryRun, Stores: rows}
	if t.root != nil {
		r.Root = &rootInfo{t.root.Name(), t.root.File, t.root.SHA256(), t.root.Cert.NotAfter}
		r.Hints = t.host.Hints(t.root, settings.Load(t.host.Getenv).URL())
	}
	if t.json {
		enc := json.NewEncoder(t.out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	print := func(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }
	if r.Root != nil {
		print("\n  %s, until %s\n  %s\n", r.Root.Name, r.Root.Expires.Format(time.DateOnly), r.Root.File)
	}
	print("\n")
	width := 0
	for _, row := range rows {
		width = max(width, len(row.Store))
	}
	for _, row := range rows {
		print("  %s %-11s  %-*s  %s\n", t.mark(row.Status), row.Status, width, row.Store, row.Where)
		if row.Why != "" {
			print("                 %s\n", row.Why)
		}
		if row.Next != "" {
			print("                 ➜ %s\n", row.Next)
		}
	}
	if len(r.Hints) > 0 {
		print("\n  Programs with trusted roots of their own can be given the file:\n")
	}
	for _, h := range r.Hints {
		print("  %-10s %s\n", h.Program, h.Line)
		if h.Note != "" {
			print("  %-10s (%s)\n", "", h.Note)
		}
	}
	return nil
}

// mark returns the sign for a row: ✓ if the store is as requested, ✗ if the change failed, otherwise a dot.
func (t *trust) mark(status string) string {
	switch {
	case status == truststore.Failed:
		return "✗"
	case t.remove == (status == truststore.NotTrusted):
		return "✓"
	}
	return "·"
}
