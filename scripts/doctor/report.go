package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"example.com/turnkey/scripts/internal/settings"
)

type status string

const (
	good status = "ok"
	bad  status = "wrong"
	note status = "note"
)

// check is one thing that was looked at.
type check struct {
	Name   string `json:"check"`
	Status status `json:"status"`
	Found  string `json:"found"`
	Fix    string `json:"fix,omitempty"`
}

// report is described in the package comment.
type report struct {
	OK     bool    `json:"ok"`
	System string  `json:"system"`
	Go     string  `json:"go"`
	Checks []check `json:"checks"`
}

func (d *doctor) report(home string) report {
	r := report{OK: true, System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	for _, c := range d.checks {
		c.Found, c.Fix = settings.Tilde(c.Found, home), settings.Tilde(c.Fix, home)
		r.OK = r.OK && c.Status != bad
		r.Checks = append(r.Checks, c)
	}
	return r
}

func (r report) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

func (r report) text(w io.Writer) error {
	var b strings.Builder
	b.WriteByte('\n')
	wrong := 0
	for _, c := range r.Checks {
		mark, word := "✓", "ok"
		switch c.Status {
		case bad:
			mark, word = "✗", "wrong"
			wrong++
		case note:
			mark, word = "·", ""
		}
		fmt.Fprintf(&b, "  %s %-5s  %-11s  %s\n", mark, word, c.Name, c.Found)
		if c.Fix != "" {
			fmt.Fprintf(&b, "                        ➜ %s\n", c.Fix)
		}
	}
	switch wrong {
	case 0:
		b.WriteString("\n  Nothing is wrong.\n")
	case 1:
		b.WriteString("\n  One thing is wrong; the line with ➜ below it mends it.\n")
	default:
		fmt.Fprintf(&b, "\n  %d things are wrong; begin with the first.\n", wrong)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
