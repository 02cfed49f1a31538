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

	"example.com/turnkey/scripts/internal/git"
	"example.com/turnkey/scripts/internal/module"
	"example.com/turnkey/scripts/internal/rooms"
)

// plan is everything that a rename changes.
type plan struct {
	tree        git.Tree
	noGit       error // why git cannot restore what changes, or nil
	list        rooms.List
	files       []string
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

func makePlan(dir, current, to string) (*plan, error) {
	list, err := rooms.Read(dir)
	if err != nil {
		return nil, err
	}
	p := &plan{tree: git.Tree(dir), list: list, current: current, to: to}
	p.files, p.noGit = p.tree.Files()
	p.fresh = current == module.Template || slices.Contains(p.files, p.last())
	for _, file := range p.files {
		if info, err := os.Lstat(p.tree.Path(file)); err != nil || !info.Mode().IsRegular() {
			continue // git lists what was deleted, links and submodules too
		}
		if err := p.add(file); err != nil {
			return nil, err
		}
	}
	if p.fresh {
		p.create("README.md", readme(to), "a short one of your own")
		if slices.Contains(p.files, p.last()) {
			p.create(".github/workflows/ci.yml", []byte(ownCI), "vet, test and build on Linux, in place of the template's CI")
		}
	}
	slices.SortStableFunc(p.changes, func(a, b change) int { return cmp.Compare(p.order(a), p.order(b)) })
	return p, p.collision()
}

// last is the file of the template that is removed last but for go.mod. While it is there the project is the template,
// also if gonew has changed the module path, so that an interrupted run begins anew.
func (p *plan) last() string {
	if len(p.list.Template) == 0 {
		return ""
	}
	return p.list.Template[len(p.list.Template)-1]
}

func (p *plan) order(c change) int { return slices.Index([]string{p.last(), "go.mod"}, c.file) }

// add adds what a file needs to the plan.
func (p *plan) add(file string) error {
	c := change{file: file}
	if p.fresh && p.list.OfTemplate(file) != "" {
		c.gone = true
		p.changes = append(p.changes, c)
		return nil
	}
	goFile, goMod := strings.HasSuffix(file, ".go"), path.Base(file) == "go.mod"
	owners := p.fresh && !p.list.Closed(file)
	if !goFile && !goMod && !owners {
		return nil
	}
	text, err := os.ReadFile(p.tree.Path(file))
	if err != nil {
		return err
	}
	if owners {
		var note string
		if c, note = own(file, text, p.to); note != "" {
			p.notes = append(p.notes, note)
		}
	}
	if c.text == nil && (goFile || goMod) {
		c.text = p.withPaths(text, goMod)
		if goMod {
			c.what = "module " + p.to
		}
	}
	if c.text != nil && bytes.Equal(c.text, text) {
		c.text = nil
	}
	if c.text != nil || c.as != "" {
		p.changes = append(p.changes, c)
	}
	return nil
}

// withPaths changes the project's own path first: gonew may have put it inside the template's.
func (p *plan) withPaths(text []byte, goMod bool) []byte {
	for _, old := range []string{p.current, module.Template} {
		switch {
		case old == p.to:
		case goMod:
			text = module.WithPath(text, old, p.to)
		default:
			text = module.WithImports(text, old, p.to)
		}
	}
	return text
}

// create adds a file, if there is none.
func (p *plan) create(file string, text []byte, what string) {
	if _, err := os.Lstat(p.tree.Path(file)); os.IsNotExist(err) {
		p.changes = append(p.changes, change{file: file, text: text, what: what})
	}
}

// collision reports a file that is where another one is to go.
func (p *plan) collision() error {
	for _, c := range p.changes {
		if c.as == "" {
			continue
		}
		if _, err := os.Lstat(p.tree.Path(c.as)); err == nil {
			return fmt.Errorf("%s is to become %s, and there is one already\n  → move one of them", c.file, c.as)
		}
	}
	return nil
}

// apply makes the changes. What it wrote before an error stays: the same run again finishes it.
func (p *plan) apply() error {
	for _, c := range p.changes {
		from := p.tree.Path(c.file)
		if err := p.keep(c); err != nil {
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
			if err := os.Rename(from, p.tree.Path(c.as)); err != nil {
				return err
			}
		}
		if c.gone {
			if err := os.Remove(from); err != nil {
				return err
			}
			p.prune(path.Dir(c.file))
		}
	}
	for _, file := range p.list.Template { // what the template's tests made there, which git ignores
		if !p.fresh {
			break
		}
		if err := os.RemoveAll(p.tree.Path(file)); err != nil {
			return err
		}
		p.prune(path.Dir(file))
	}
	return nil
}
