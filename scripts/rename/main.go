// Command rename turns a clone of the template into a project with another module path and name.
//
//	go run ./scripts/rename example.com/you/shop          list what would change
//	go run ./scripts/rename -write example.com/you/shop   change it
//	go run ./scripts/rename -write                        correct imports of the template's path
//
// The path's last element is the project's name: of the binary, of https://NAME.localhost, of services and titles. The
// first run also removes what only the template needs, as rooms.txt lists it. In closed folders only imports change.
// Later runs change only go.mod and imports. The same command with -force finishes a run that was interrupted.
//
// Only the standard library is used, so that this program runs while the rest does not compile.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/project"
)

const example = "example.com/you/shop"

func main() {
	process.Exit("rename", run(".", os.Args[1:], os.Stdout, os.Stderr))
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
	if _, err := os.Stat(filepath.Join(dir, "scripts", "rename")); err != nil { // other modules are not for this program
		return fmt.Errorf("there is no scripts/rename here\n  → run it in the project's own folder: %s", command(example))
	}
	current, required, err := project.ModulePath(dir)
	if err != nil {
		return err
	}
	to, err := target(o.paths, current, required)
	if err != nil {
		return err
	}
	p, err := makePlan(dir, current, to)
	if err != nil {
		return err
	}
	if o.write && !o.force {
		if err := p.refuse(len(o.paths) == 0); err != nil {
			return err
		}
	}
	p.print(stdout)
	switch {
	case len(p.changes) == 0:
		return nil
	case !o.write:
		fmt.Fprintf(stdout, "nothing was changed; to do it: %s\n",
			command(strings.Join(append([]string{"-write"}, o.paths...), " ")))
		return nil
	}
	if err := p.apply(); err != nil {
		return fmt.Errorf("%w\n  → fix that, and run the same again with -force: it goes on where it stopped", err)
	}
	p.next(stdout)
	return nil
}

// parse accepts flags after the path too.
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

// target returns the project's new path: the one given, or else the present one. It refuses a path that a required
// module has, because imports of that module would be changed too, or not be found.
func target(paths []string, current string, required []string) (string, error) {
	switch {
	case len(paths) > 1:
		return "", fmt.Errorf("one module path is needed, got %q\n  → a path has no spaces: %s", paths, command(example))
	case len(paths) == 0 && current == project.Template:
		return "", fmt.Errorf("the project's module path is missing\n  → %s", command(example))
	case len(paths) == 0:
		paths = []string{current}
	}
	to := paths[0]
	if err := checkPath(to); err != nil {
		return "", err
	}
	if to == project.Template {
		return "", fmt.Errorf("%q is the template's own path, and a project needs another\n  → %s", to, command(example))
	}
	for _, old := range []string{project.Template, current} {
		if strings.HasPrefix(to, old+"/") {
			return "", fmt.Errorf("%q is inside %q: an import of one could be an import of the other\n  → choose a path "+
				"beside it", to, old)
		}
	}
	for _, path := range required {
		if path == to || strings.HasPrefix(path, to+"/") {
			return "", fmt.Errorf("%q cannot be the project's path: go.mod requires %s\n  → choose another: %s", to, path,
				command(example))
		}
	}
	return to, nil
}

// command is what to type.
func command(arg string) string { return "go run ./scripts/rename " + arg }
