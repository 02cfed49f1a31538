// Command upgrade replaces the closed folders and files of a project by those of a newer version of the starter. All
// others are the owner's and stay.
//
//	go run ./scripts/upgrade                      from the remote named starter, or from where the template is published
//	go run ./scripts/upgrade [-yes] REMOTE        from another remote or address
//	go run ./scripts/upgrade [-yes] REMOTE BRANCH
//
// It needs a clean tree and commits nothing, so that one command of git undoes it. It lists closed files that the owner
// has changed, and replaces them only after a yes, or with -yes. It raises versions in go.mod to those of the starter,
// and lowers none.
//
// Only the standard library is used, so that this program runs while the rest does not compile.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/project"
)

//go:embed move.txt
var moveByHand string

const undo = "git stash -u"

func main() {
	var in io.Reader
	if process.Terminals(os.Stdin, os.Stdout) {
		in = os.Stdin
	}
	process.Exit("upgrade", run(".", os.Args[1:], in, os.Stdout, os.Stderr))
}

// run upgrades the project in dir. in is where the owner answers a question, and nil where there is no terminal.
func run(dir string, args []string, in io.Reader, out, stderr io.Writer) error {
	yes, remote, branch, err := parse(args, stderr)
	if err != nil {
		return err
	}
	tree := project.Tree(dir)
	if remote == "" {
		remote = defaultRemote(tree)
	}
	own, old, err := upgradable(dir, remote)
	if err != nil {
		return err
	}
	if err := refuseDirty(tree); err != nil {
		return err
	}
	next, err := fetch(tree, remote, branch)
	if err != nil {
		return err
	}
	p, err := newPlan(tree, own, old, next)
	if err != nil {
		return err
	}
	if !yes && len(p.edits) > 0 && !p.agreed(in, out) {
		return errors.New("nothing was changed\n  → -yes replaces these files; git keeps yours: git show HEAD:./FILE")
	}
	if err := p.apply(); err != nil {
		return fmt.Errorf("%w\n  → to undo what was done: %s", err, undo)
	}
	err = raise(tree, next)
	if changed, err2 := status(tree); changed == "" && err == nil && err2 == nil {
		fmt.Fprintf(out, "nothing to do: the closed folders are those of %s already\n", next)
		return nil
	}
	if err := os.WriteFile(tree.Path(record), []byte(next.commit+"\n"), 0o644); err != nil {
		return err
	}
	p.print(out)
	if err != nil {
		return fmt.Errorf("%w\n  → fix that and run go mod tidy; the closed folders are in place. To undo: %s", err, undo)
	}
	return nil
}

// defaultRemote is the remote named starter, or the address of the template.
func defaultRemote(tree project.Tree) string {
	if _, err := tree.Git("remote", "get-url", "starter"); err == nil {
		return "starter"
	}
	return "https://" + project.Template
}

func parse(args []string, stderr io.Writer) (yes bool, remote, branch string, err error) {
	flags := flag.NewFlagSet("upgrade", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&yes, "yes", false, "replace files of closed folders that you changed, without a question")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: go run ./scripts/upgrade [-yes] [REMOTE [BRANCH]]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return false, "", "", err
	}
	if flags.NArg() > 2 {
		return false, "", "", fmt.Errorf("at most a remote and a branch are needed, got %q", flags.Args())
	}
	branch = "HEAD" // the remote's default branch
	if flags.NArg() == 2 {
		branch = flags.Arg(1)
	}
	return yes, flags.Arg(0), branch, nil
}

// upgradable returns the module path and the rooms of the project in dir, if it can be upgraded from remote.
func upgradable(dir, remote string) (own string, list project.Rooms, err error) {
	if own, _, err = project.ModulePath(dir); err != nil {
		return "", list, err
	}
	if own == project.Template {
		return "", list, errors.New("this project has the template's own module path\n" +
			"  → make it yours first: go run ./scripts/rename example.com/you/shop; or take all that is new: git pull")
	}
	if list, err = project.ReadRooms(dir); errors.Is(err, fs.ErrNotExist) {
		words := strings.NewReplacer("{remote}", remote, "{list}", project.RoomsFile,
			"{template}", project.Template, "{module}", own)
		err = errors.New(words.Replace(moveByHand))
	}
	return own, list, err
}

// status returns what is not committed, even if the owner's configuration hides new files.
func status(tree project.Tree) (string, error) {
	return tree.Git("status", "--porcelain", "--untracked-files=normal")
}

func refuseDirty(tree project.Tree) error {
	out, err := status(tree)
	if err != nil {
		return fmt.Errorf("an upgrade needs git, to be undone by it: %w\n  → git init && git add -A && git commit", err)
	}
	if out == "" {
		return nil
	}
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	if len(lines) > 5 {
		lines = append(lines[:5], fmt.Sprintf("   and %d more", len(lines)-5))
	}
	return fmt.Errorf("there is work that is not committed:\n  %s\n  → git add -A && git commit, or git stash -u",
		strings.Join(lines, "\n  "))
}
