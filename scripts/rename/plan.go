package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"unicode/utf8"
)

// plan is everything that a rename changes, and what it leaves.
type plan struct {
	current, to string
	repair      bool
	changes     []change
	kept        map[string]int // places that keep the template's name, by reason
	left        int            // places in the owner's files that a repair does not touch
}

type change struct {
	file, as string // the same unless the file's name changes
	text     []byte // nil: only the file's name changes
	places   int
}

func makePlan(t *tree, current, to string, repair bool) (*plan, error) {
	p := &plan{current: current, to: to, repair: repair, kept: map[string]int{}}
	from := slices.DeleteFunc([]string{template, current}, func(old string) bool { return old == to })
	r := newRewriter(to, slices.Compact(from)...)
	taken := map[string]string{}
	for _, file := range t.files {
		name := filepath.Join(t.dir, filepath.FromSlash(file))
		info, err := os.Lstat(name)
		if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
			continue // git lists what was deleted, links and submodules too
		}
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		words := !repair || slices.ContainsFunc(templateRooms, func(room string) bool { return under(file, room) })
		c := change{file: file, as: file}
		if words && reason(file) == "" {
			c.as = string(r.rewrite("", []byte(file), true).text)
		}
		if bytes.IndexByte(text, 0) < 0 && utf8.Valid(text) {
			result := r.rewrite(file, text, words)
			if c.places = result.places; c.places > 0 {
				c.text = result.text
			}
			p.left += result.left
			for why, n := range result.kept {
				p.kept[why] += n
			}
		}
		if other, twice := taken[c.as]; twice {
			return nil, fmt.Errorf("%s and %s would both be %s\n  → move one of them", other, file, c.as)
		}
		taken[c.as] = file
		if c.text != nil || c.as != c.file {
			p.changes = append(p.changes, c)
		}
	}
	// Last, so that a run that was cut short begins anew from the same path.
	slices.SortStableFunc(p.changes, func(a, b change) int { return order(a) - order(b) })
	return p, nil
}

func order(c change) int {
	if c.file == "go.mod" {
		return 1
	}
	return 0
}

// apply makes the changes. What it wrote before an error stays: the same run again finishes it.
func (p *plan) apply(dir string) error {
	for _, c := range p.changes {
		from, to := filepath.Join(dir, filepath.FromSlash(c.file)), filepath.Join(dir, filepath.FromSlash(c.as))
		if c.text != nil {
			if err := os.WriteFile(from, c.text, 0o644); err != nil { // it is there, and keeps its mode
				return err
			}
		}
		if c.as == c.file {
			continue
		}
		if _, err := os.Lstat(to); err == nil {
			return fmt.Errorf("%s is to become %s, and there is one", c.file, c.as)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(from, to); err != nil {
			return err
		}
		for d := path.Dir(c.file); d != "." && os.Remove(filepath.Join(dir, filepath.FromSlash(d))) == nil; d = path.Dir(d) {
			// a folder that is empty now
		}
	}
	return nil
}
