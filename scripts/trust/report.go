package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"example.com/turnkey/scripts/internal/truststore"
)

// report is the result of a run.
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

func (r *report) describe(host *truststore.Host, root *truststore.Root) {
	r.Root = &rootInfo{root.Name(), root.File, root.SHA256(), root.Cert.NotAfter}
	r.Hints = truststore.Hints(host, root)
}

func (r *report) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

func (r *report) text(w io.Writer) error {
	if r.Root != nil {
		fmt.Fprintf(w, "\n  %s, until %s\n  %s\n", r.Root.Name, r.Root.Expires.Format(time.DateOnly), r.Root.File)
	}
	fmt.Fprintln(w)
	width := 0
	for _, row := range r.Stores {
		width = max(width, len(row.Store))
	}
	for _, row := range r.Stores {
		fmt.Fprintf(w, "  %s %-11s  %-*s  %s\n", mark(r.Removed, row.Status), row.Status, width, row.Store, row.Where)
		if row.Why != "" {
			fmt.Fprintf(w, "                 %s\n", row.Why)
		}
		if row.Next != "" {
			fmt.Fprintf(w, "                 ➜ %s\n", row.Next)
		}
	}
	if len(r.Hints) > 0 {
		fmt.Fprintln(w, "\n  Programs with trusted roots of their own can be given the file:")
		for _, h := range r.Hints {
			fmt.Fprintf(w, "  %-10s %s\n", h.Program, h.Line)
			if h.Note != "" {
				fmt.Fprintf(w, "  %-10s (%s)\n", "", h.Note)
			}
		}
	}
	return nil
}

// mark returns the sign for a row: ✓ if the store is as requested, ✗ if the change failed, otherwise a dot.
func mark(removed bool, status truststore.Status) string {
	switch {
	case status == truststore.Failed:
		return "✗"
	case removed == (status == truststore.NotTrusted):
		return "✓"
	}
	return "·"
}
