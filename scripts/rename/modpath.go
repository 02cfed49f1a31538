package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// modulePath is the path in dir's go.mod.
func modulePath(dir string) (string, error) {
	for _, name := range []string{"go.mod", "scripts/rename"} { // a stranger's module is not ours to rename
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return "", fmt.Errorf("there is no %s here\n  → run it in the project's own folder: %s", name, command("example.com/you/shop"))
		}
	}
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("reading go.mod: %w", err)
	}
	var mod struct{ Module struct{ Path string } }
	if err := json.Unmarshal(out, &mod); err != nil {
		return "", fmt.Errorf("reading go.mod: %w", err)
	}
	return mod.Module.Path, nil
}

// checkPath says what keeps p from being the path of a module that is a program, and what to type instead.
func checkPath(p string) error {
	err := fault(p)
	if err == nil {
		return nil
	}
	if better := suggest(p); better != p && fault(better) == nil {
		return fmt.Errorf("%w\n  → %s", err, command(better))
	}
	return fmt.Errorf("%w\n  → %s", err, command("example.com/you/shop"))
}

var (
	host    = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)
	element = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)
	label   = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	major   = regexp.MustCompile(`^v[0-9]+$`)
	// Windows keeps these for devices, with any extension, and writes short names with a tilde and digits.
	device = regexp.MustCompile(`(?i)^((con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?|.*~[0-9]+(\..*)?)$`)
)

// fault is what is wrong with p: the rules of golang.org/x/mod/module.CheckPath, and for the last element those of a
// host name's label, which are also those of a Kubernetes service.
func fault(p string) error {
	switch {
	case p == "":
		return errors.New("the module path is empty")
	case strings.Contains(p, "://") || strings.Contains(p, "@"):
		return fmt.Errorf("%q is an address, and a module path is wanted", p)
	case strings.Contains(p, `\`):
		return fmt.Errorf("%q has backslashes; a module path has slashes on Windows too", p)
	case path.IsAbs(p), strings.HasPrefix(p, "."):
		return fmt.Errorf("%q is a folder, and a module path is wanted", p)
	case path.Clean(p) != p:
		return fmt.Errorf("%q has a slash too many, or a . or .. between slashes", p)
	}
	elements := strings.Split(p, "/")
	first, name := elements[0], elements[len(elements)-1]
	for i, e := range elements {
		switch {
		case i == 0 && (!host.MatchString(e) || e[0] == '-'):
			return fmt.Errorf("%q begins with %q, which must be a host's name: a to z, 0 to 9, hyphens, dots", p, e)
		case !element.MatchString(e):
			return fmt.Errorf("%q: %q has a character other than letters of ASCII, digits, and - . _ ~", p, e)
		case e[0] == '.' || e[len(e)-1] == '.':
			return fmt.Errorf("%q: %q begins or ends with a dot", p, e)
		case device.MatchString(e):
			return fmt.Errorf("%q: Windows can have no folder named %q", p, e)
		}
	}
	switch {
	case len(elements) > 1 && major.MatchString(name):
		return fmt.Errorf("%q ends with a major version, which is for libraries that others import; a program's name would be %q", p, name)
	case !label.MatchString(name):
		return fmt.Errorf("%q: %q becomes the name of the binary, of https://%s.localhost and of services, "+
			"which takes a to z, 0 to 9 and hyphens between, a letter first, 63 at most", p, name, name)
	case name == "scripts":
		return fmt.Errorf("%q: bin/scripts is where the scripts are built, so the program cannot have that name", p)
	case slices.Contains([]string{"all", "cmd", "main", "std", "tool", "work"}, p):
		return fmt.Errorf("%q means something else to the go command", p)
	case !strings.Contains(first, ".") && standard(first):
		return fmt.Errorf("%q begins with %q, which is a package of the standard library", p, first)
	}
	return nil
}

// warning is what p would better be, though it works.
func warning(p string) string {
	first, _, _ := strings.Cut(p, "/")
	if strings.Contains(first, ".") || first == "example" || first == "test" {
		return ""
	}
	return fmt.Sprintf("%q has no dot: Go keeps such paths for its standard library, and a later one may have it; example.com/you/%s is safe", first, path.Base(p))
}

func standard(name string) bool {
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Fields(string(out)), func(pkg string) bool {
		first, _, _ := strings.Cut(pkg, "/")
		return first == name
	})
}

// suggest is what somebody who typed p may have meant.
func suggest(p string) string {
	p = strings.ReplaceAll(strings.TrimSpace(p), `\`, "/")
	if _, rest, ok := strings.Cut(p, "://"); ok {
		p = rest
	}
	if _, rest, ok := strings.Cut(p, "@"); ok { // git@github.com:you/shop.git
		p = strings.Replace(rest, ":", "/", 1)
	}
	p = strings.TrimSuffix(strings.Trim(path.Clean(p), "/"), ".git")
	elements := strings.Split(p, "/")
	last := len(elements) - 1
	if last > 0 && major.MatchString(elements[last]) {
		elements, last = elements[:last], last-1
	}
	elements[0] = strings.ToLower(elements[0])
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(elements[last]))
	if name = strings.Trim(name, "-"); name != "" && name[0] <= '9' {
		name = "site-" + name
	}
	if last > 0 || !strings.Contains(elements[0], ".") {
		elements[last] = name
	}
	return strings.Join(elements, "/")
}

// inside says whether p is below old in the tree of paths.
func inside(p, old string) bool { return strings.HasPrefix(p, old+"/") }
