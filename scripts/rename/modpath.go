package main

import (
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

var (
	modulePaths = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*(/[A-Za-z0-9_~-]([A-Za-z0-9._~-]*[A-Za-z0-9_~-])?)*$`)
	// Windows keeps these for devices, with any extension, and writes short names with a tilde and digits.
	devices = regexp.MustCompile(`(?i)(^|/)((con|prn|aux|nul|com[0-9]|lpt[0-9])(\.[^/]*)?|[^/]*~[0-9]+(\.[^/]*)?)(/|$)`)
	labels  = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	majors  = regexp.MustCompile(`/v[0-9]+$`)
)

// checkPath returns why p cannot be the path of a module that is a program, and what to type instead.
func checkPath(p string) error {
	err := fault(p)
	if err == nil {
		return nil
	}
	better := suggest(p)
	if better == p || fault(better) != nil {
		better = example
	}
	return fmt.Errorf("%w\n  → %s", err, command(better))
}

// fault is what is wrong with p: the rules of golang.org/x/mod/module.CheckPath, and for the last element those of a
// host name's label, which are also those of a Kubernetes service.
func fault(p string) error {
	name := path.Base(p)
	first, _, _ := strings.Cut(p, "/")
	switch {
	case p == "":
		return errors.New("the module path is empty")
	case p != suggest(p) && strings.EqualFold(p, suggest(p)):
		return fmt.Errorf("%q has capitals, which names of hosts, binaries and services cannot have; "+
			"the pages are still titled %s", p, title(suggest(p)))
	case !modulePaths.MatchString(p):
		return fmt.Errorf("%q is not a module path: write a host's name in lower case, folders, and the project's name, "+
			"with slashes between", p)
	case devices.MatchString(p):
		return fmt.Errorf("%q has a name that no folder can have on Windows", p)
	case slices.Contains(strings.Split(p, "/"), "vendor"):
		return fmt.Errorf("%q has the element vendor, below which the go command looks for copies of dependencies", p)
	case majors.MatchString(p):
		return fmt.Errorf("%q ends with a major version, which is for libraries: a program would be named %s", p, name)
	case !labels.MatchString(name):
		return fmt.Errorf("%q: %q becomes the name of the binary, of https://%s.localhost and of services, "+
			"so it takes a letter first, then a to z, 0 to 9 and hyphens, 63 characters at most", p, name, name)
	case name == "scripts", name == "doctor":
		return fmt.Errorf("%q: bin/%s is a script's, so the program cannot have that name", p, name)
	case name == "data", name == "etc":
		return fmt.Errorf("%q: the container image has a folder /%s, so the program cannot have that name", p, name)
	case slices.Contains([]string{"all", "cmd", "main", "std", "tool", "work"}, p):
		return fmt.Errorf("%q means something else to the go command", p)
	case !strings.Contains(first, ".") && standard(first):
		return fmt.Errorf("%q begins with %q, which is a package of the standard library", p, first)
	}
	return nil
}

// warning returns advice about a path that works but has a drawback.
func warning(p string) string {
	first, _, _ := strings.Cut(p, "/")
	if strings.Contains(first, ".") || first == "example" || first == "test" {
		return ""
	}
	return fmt.Sprintf("%q has no dot: Go keeps such paths for its standard library, and a later one may have it; "+
		"example.com/you/%s is safe", first, path.Base(p))
}

func standard(name string) bool {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(strings.TrimSpace(string(root)), "src", name))
	return err == nil
}

// suggest makes a module path from an address, a folder, or a name that is valid on other systems only.
func suggest(p string) string {
	p = strings.ReplaceAll(strings.TrimSpace(p), `\`, "/")
	if _, rest, ok := strings.Cut(p, "://"); ok {
		p = rest
	}
	if _, rest, ok := strings.Cut(p, "@"); ok { // git@github.com:you/shop.git
		p = strings.Replace(rest, ":", "/", 1)
	}
	p = strings.TrimSuffix(strings.Trim(path.Clean(p), "/"), ".git")
	p = majors.ReplaceAllString(p, "")
	elements := strings.Split(p, "/")
	last := len(elements) - 1
	elements[0] = strings.ToLower(elements[0])
	name := regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(strings.ToLower(elements[last]), "-")
	if name = strings.Trim(name, "-"); name != "" && name[0] <= '9' {
		name = "site-" + name
	}
	if last > 0 || !strings.Contains(elements[0], ".") {
		elements[last] = name
	}
	return strings.Join(elements, "/")
}

// title is a project's name as a heading: My Shop for example.com/you/my-shop.
func title(modulePath string) string {
	words := strings.FieldsFunc(path.Base(modulePath), func(r rune) bool { return r == '-' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}
