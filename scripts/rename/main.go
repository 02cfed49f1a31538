// Command rename gives a project that was made from the template its own module path and name.
//
//	go run ./scripts/rename example.com/you/shop          list what would change
//	go run ./scripts/rename -write example.com/you/shop   change it
//	go run ./scripts/rename -write                        after an upgrade: mend what came with the template's path
//
// The path's last element is the project's name: of the binary, of https://NAME.localhost, of services and titles. A
// second run finds nothing to do. It works on what git would commit, or without git on every file; it is safe to run
// again after an interruption, because go.mod is changed last. What keeps the template's name is in kept.go, with the
// reasons. Only the standard library is used, so that it runs while the rest does not compile.
//
// Without a path the project keeps the one that it has. Then names are changed only in the template's own rooms: what
// you wrote about a turnkey solution is yours.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// template is the module path that the template is published under.
const template = "example.com/turnkey"

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

type options struct{ write, force bool }

func run(dir string, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("rename", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var o options
	flags.BoolVar(&o.write, "write", false, "change the files; without it they are listed")
	flags.BoolVar(&o.force, "force", false, "write over changes that git does not hold")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: go run ./scripts/rename [-write] [-force] [example.com/you/shop]")
		flags.PrintDefaults()
	}
	var paths []string
	for { // flags may come after the path, where people put them
		if err := flags.Parse(args); err != nil {
			return err
		}
		if flags.NArg() == 0 {
			break
		}
		paths, args = append(paths, flags.Arg(0)), flags.Args()[1:]
	}
	if len(paths) > 1 {
		return fmt.Errorf("one module path is wanted, got %q\n  → a path has no spaces: %s", paths, command("example.com/you/shop"))
	}

	current, err := modulePath(dir)
	if err != nil {
		return err
	}
	to, repair := current, len(paths) == 0
	if !repair {
		to = paths[0]
	} else if current == template {
		return fmt.Errorf("which path should the project have?\n  → %s", command("example.com/you/shop"))
	}
	if err := checkPath(to); err != nil {
		return err
	}
	for _, old := range []string{template, current} {
		if inside(to, old) {
			return fmt.Errorf("%q is inside %q, so that no import could tell the two apart\n  → choose a path beside it", to, old)
		}
	}
	tree, err := openTree(dir)
	if err != nil {
		return err
	}
	p, err := makePlan(tree, current, to, repair)
	if err != nil {
		return err
	}
	if o.write && !o.force {
		if err := tree.refuse(p); err != nil {
			return err
		}
	}
	p.print(stdout, tree.note)
	switch {
	case len(p.changes) == 0:
		return nil
	case !o.write:
		again := command("-write")
		if !repair {
			again += " " + to
		}
		fmt.Fprintf(stdout, "nothing was changed; to do it: %s\n", again)
		return nil
	}
	if err := p.apply(dir); err != nil {
		return fmt.Errorf("%w\n  → mend that, and run the same again with -force: it goes on where it stopped", err)
	}
	p.next(stdout, tree.git)
	return nil
}

// command is what to type.
func command(arg string) string { return "go run ./scripts/rename " + arg }
