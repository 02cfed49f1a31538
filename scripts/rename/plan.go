package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

type plan struct {
	tree        project.Tree
	noGit       error // why git cannot restore what changes, or nil
	rooms       project.Rooms
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
	rooms, err := project.ReadRooms(dir)
	if err != nil {
		return nil, err
	}
	p := &plan{tree: project.Tree(dir), rooms: rooms, current: current, to: to}
	p.files, p.noGit = p.tree.Files()
	p.fresh = current == project.Template || slices.Contains(p.files, p.last())
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
	order := func(c change) int { return slices.Index([]string{p.last(), "go.mod"}, c.file) }
	slices.SortStableFunc(p.changes, func(a, b change) int { return cmp.Compare(order(a), order(b)) })
	for _, c := range p.changes {
		if c.as != "" && p.tree.Exists(c.as) {
			return nil, fmt.Errorf("%s is to become %s, and there is one already\n  → move one of them", c.file, c.as)
		}
	}
	return p, nil
}

// last returns the file of the template that is removed last, before go.mod changes. While it exists, the project is
// still the template, also if gonew has changed the module path. So after an interruption the run begins again.
func (p *plan) last() string {
	if len(p.rooms.Template) == 0 {
		return ""
	}
	return p.rooms.Template[len(p.rooms.Template)-1]
}

// add adds the changes of a file to the plan.
func (p *plan) add(file string) error {
	if p.fresh && p.rooms.OfTemplate(file) != "" {
		p.changes = append(p.changes, change{file: file, gone: true})
		return nil
	}
	goFile, goMod := strings.HasSuffix(file, ".go"), path.Base(file) == "go.mod"
	owners := p.fresh && !p.rooms.Has(file)
	if !goFile && !goMod && !owners {
		return nil
	}
	text, err := os.ReadFile(p.tree.Path(file))
	if err != nil {
		return err
	}
	c := change{file: file}
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
	if bytes.Equal(c.text, text) {
		c.text = nil
	}
	if c.text != nil || c.as != "" {
		p.changes = append(p.changes, c)
	}
	return nil
}

// withPaths changes the project's own path first: gonew may have put it inside the template's.
func (p *plan) withPaths(text []byte, goMod bool) []byte {
	with := project.WithImports
	if goMod {
		with = project.WithPath
	}
	for _, old := range []string{p.current, project.Template} {
		if old != p.to {
			text = with(text, old, p.to)
		}
	}
	return text
}

// create adds a file, if there is none.
func (p *plan) create(file string, text []byte, what string) {
	if !p.tree.Exists(file) {
		p.changes = append(p.changes, change{file: file, text: text, what: what})
	}
}

// refuse returns an error if files of the plan have changes of the owner's that are not committed: git could not undo
// the rename alone. A repair follows an upgrade, whose files are in git's index but not committed yet.
func (p *plan) refuse(repair bool) error {
	if p.noGit != nil {
		return nil
	}
	questions := [][]string{{"diff", "--name-only", "--relative"}, {"ls-files", "--others", "--exclude-standard"}}
	if !repair {
		questions = append(questions, []string{"diff", "--cached", "--name-only", "--relative"})
	}
	var dirty []string
	for _, q := range questions {
		files, err := p.tree.List(q[0], q[1:]...)
		if err != nil {
			return fmt.Errorf("asking git what is not committed: %w", err)
		}
		dirty = append(dirty, files...)
	}
	dirty = slices.DeleteFunc(dirty, func(file string) bool {
		return !slices.ContainsFunc(p.changes, func(c change) bool { return c.file == file })
	})
	if len(dirty) == 0 {
		return nil
	}
	slices.Sort(dirty)
	dirty = slices.Compact(dirty)
	shown := strings.Join(dirty[:min(3, len(dirty))], ", ")
	if more := len(dirty) - 3; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("files that this would change have work that is not committed: %s\n"+
		"  → git add -A && git commit, or git stash -u; -force goes ahead without", shown)
}

// apply makes the changes. What it wrote before an error stays. Another run of the same command finishes it.
func (p *plan) apply() error {
	for _, c := range p.changes {
		if err := p.keep(c); err != nil {
			return err
		}
		if c.text != nil {
			if err := p.tree.Write(c.file, c.text); err != nil {
				return err
			}
		}
		if c.as != "" {
			if err := os.Rename(p.tree.Path(c.file), p.tree.Path(c.as)); err != nil {
				return err
			}
		}
		if c.gone {
			if err := p.tree.Remove(c.file); err != nil {
				return err
			}
		}
	}
	if !p.fresh {
		return nil
	}
	for _, file := range p.rooms.Template { // what the template's tests made there, which git ignores
		if err := p.tree.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

// keep copies what a change removes, if git does not have it. Imports need no copy, because another rename changes them
// back.
func (p *plan) keep(c change) error {
	copied, imports := project.Before+"/"+c.file, c.what == "" || path.Base(c.file) == "go.mod"
	if p.noGit == nil || !c.gone && imports || p.tree.Exists(copied) || !p.tree.Exists(c.file) {
		return nil
	}
	text, err := os.ReadFile(p.tree.Path(c.file))
	if err != nil {
		return err
	}
	return p.tree.Write(copied, text)
}
