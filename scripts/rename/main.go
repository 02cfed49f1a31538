// Command rename makes a clone of the template its owner's project, with a module path and a name of its own.
//
//	go run ./scripts/rename example.com/you/shop          list what would change
//	go run ./scripts/rename -write example.com/you/shop   change it
//	go run ./scripts/rename -write                        after an upgrade: mend the imports that came with it
//
// The path's last element is the project's name: of the binary, of https://NAME.localhost, of services and titles. While
// a project is still the template, what only the template needs is removed too (own.go has the list). Later runs change
// go.mod and imports, and nothing else. A run that was interrupted is finished by the same command with -force.
//
// Only the standard library is used, so that this program runs while the rest does not compile.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// template is the module path that the template is published under.
const template = "example.com/turnkey"

const example = "example.com/you/shop"

func main() {
	err := run(".", os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "rename:", err)
		os.Exit(1)
	}
}

type options struct {
	write, force bool
	paths        []string
}

func run(dir string, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	current, err := modulePath(dir)
	if err != nil {
		return err
	}
	to, err := target(o.paths, current)
	if err != nil {
		return err
	}
	t, err := openTree(dir)
	if err != nil {
		return err
	}
	p, err := makePlan(t, current, to)
	if err != nil {
		return err
	}
	if o.write && !o.force {
		if err := t.refuse(p, len(o.paths) == 0); err != nil {
			return err
		}
	}
	p.print(stdout)
	switch {
	case len(p.changes) == 0:
		return nil
	case !o.write:
		fmt.Fprintf(stdout, "nothing was changed; to do it: %s\n", command(strings.Join(append([]string{"-write"}, o.paths...), " ")))
		return nil
	}
	if err := p.apply(); err != nil {
		return fmt.Errorf("%w\n  → mend that, and run the same again with -force: it goes on where it stopped", err)
	}
	p.next(stdout)
	return nil
}

// parse takes flags after the path too, where people put them.
func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("rename", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.write, "write", false, "change the files; without it they are listed")
	flags.BoolVar(&o.force, "force", false, "write over changes that are not committed")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage:", command("[-write] [-force] [example.com/you/shop]"))
		flags.PrintDefaults()
	}
	for err = flags.Parse(args); err == nil && flags.NArg() > 0; err = flags.Parse(args) {
		o.paths, args = append(o.paths, flags.Arg(0)), flags.Args()[1:]
	}
	return o, err
}

// modulePath returns the path in dir's go.mod, if dir is a project of the template.
func modulePath(dir string) (string, error) {
	for _, name := range []string{"go.mod", "scripts/rename"} { // other modules are not for this program
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return "", fmt.Errorf("there is no %s here\n  → run it in the project's own folder: %s", name, command(example))
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^module[ \t]+"?([^\s"]+)`).FindSubmatch(text)
	if m == nil {
		return "", errors.New("go.mod has no line that begins with module\n  → write it first: module " + example)
	}
	return string(m[1]), nil
}

// target returns the path that the project is to have: the one given, or without one the path it has.
func target(paths []string, current string) (string, error) {
	switch {
	case len(paths) > 1:
		return "", fmt.Errorf("one module path is needed, got %q\n  → a path has no spaces: %s", paths, command(example))
	case len(paths) == 0 && current == template:
		return "", fmt.Errorf("which path should the project have?\n  → %s", command(example))
	case len(paths) == 0:
		paths = []string{current}
	}
	if err := checkPath(paths[0]); err != nil {
		return "", err
	}
	for _, old := range []string{template, current} {
		if strings.HasPrefix(paths[0], old+"/") {
			return "", fmt.Errorf("%q is inside %q: an import of one could be an import of the other\n  → choose a path beside it",
				paths[0], old)
		}
	}
	return paths[0], nil
}

// command is what to type.
func command(arg string) string { return "go run ./scripts/rename " + arg }
