package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// plan is everything that a rename changes.
type plan struct {
	tree        *tree
	current, to string
	fresh       bool // still the template: it becomes its owner's
	changes     []change
	notes       []string // what stays though a reader might expect otherwise
}

type change struct {
	file string
	as   string // its new name, if it gets one
	text []byte // its new content, if it gets one
	gone bool
	what string // for the reader of the plan; "" for imports and what is removed, which are counted
}

func makePlan(t *tree, current, to string) (*plan, error) {
	p := &plan{tree: t, current: current, to: to, fresh: current == template || slices.Contains(t.files, templateCI)}
	for _, file := range t.files {
		name := t.path(file)
		if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
			continue // git lists what was deleted, links and submodules too
		}
		c := change{file: file}
		goFile, goMod := strings.HasSuffix(file, ".go"), path.Base(file) == "go.mod"
		if !goFile && !goMod && !p.fresh {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if p.fresh {
			var note string
			if c, note = own(file, text, to); note != "" {
				p.notes = append(p.notes, note)
			}
		}
		if c.text == nil && !c.gone && (goFile || goMod) {
			c.text = p.withPaths(text, goMod)
			if goMod {
				c.what = "module " + to
			}
		}
		if c.text != nil && bytes.Equal(c.text, text) {
			c.text = nil
		}
		if c.text != nil || c.as != "" || c.gone {
			p.changes = append(p.changes, c)
		}
	}
	if p.fresh {
		p.create("README.md", readme(to), "a short one of your own")
		if slices.Contains(t.files, templateCI) {
			p.create(".github/workflows/ci.yml", []byte(ownCI), "vet, test and build on Linux, in place of the template's CI")
		}
	}
	slices.SortStableFunc(p.changes, func(a, b change) int { return cmp.Compare(order(a), order(b)) })
	return p, p.collision()
}

// withPaths changes the project's own path first: gonew may have put it inside the template's.
func (p *plan) withPaths(text []byte, goMod bool) []byte {
	for _, old := range []string{p.current, template} {
		switch {
		case old == p.to:
		case goMod:
			text = withModule(text, old, p.to)
		default:
			text = withImports(text, old, p.to)
		}
	}
	return text
}

// create adds a file, if there is none.
func (p *plan) create(file string, text []byte, what string) {
	if _, err := os.Lstat(p.tree.path(file)); os.IsNotExist(err) {
		p.changes = append(p.changes, change{file: file, text: text, what: what})
	}
}

func order(c change) int { return slices.Index([]string{templateCI, "go.mod"}, c.file) }

// collision reports a file that is where another one is to go.
func (p *plan) collision() error {
	for _, c := range p.changes {
		if c.as == "" {
			continue
		}
		if _, err := os.Lstat(p.tree.path(c.as)); err == nil {
			return fmt.Errorf("%s is to become %s, and there is one already\n  → move one of them", c.file, c.as)
		}
	}
	return nil
}

// apply makes the changes. What it wrote before an error stays: the same run again finishes it.
func (p *plan) apply() error {
	for _, c := range p.changes {
		from := p.tree.path(c.file)
		if err := p.tree.keep(c); err != nil {
			return err
		}
		if c.text != nil {
			if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(from, c.text, 0o644); err != nil { // one that is there keeps its mode
				return err
			}
		}
		if c.as != "" {
			if err := os.Rename(from, p.tree.path(c.as)); err != nil {
				return err
			}
		}
		if c.gone {
			if err := os.Remove(from); err != nil {
				return err
			}
			p.tree.prune(path.Dir(c.file))
		}
	}
	for _, dir := range made {
		if !p.fresh {
			break
		}
		if err := os.RemoveAll(p.tree.path(dir)); err != nil {
			return err
		}
		p.tree.prune(path.Dir(dir))
	}
	return nil
}
