// Command trust makes the browsers of this user trust the development CA, or undoes that.
//
//	go run ./scripts/trust [-system] [-remove] [-dry-run] [-json]
//	go run ./scripts/trust -ask
//
// It tries every store of the user, also after another one failed. It changes the system's own store only with
// -system, through sudo. The exit status is 1 only after an unexpected failure. A store that cannot be changed for a
// known reason (certutil is not installed, the user declined a dialog, …) shows the reason and is no failure.
//
// With -ask it asks a question first, once a machine, and only at a terminal outside CI and containers. Elsewhere it
// prints nothing and reads nothing from standard input.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

func main() {
	truststore.ServeVerify(os.Args, os.Stdin)
	host, err := truststore.NewHost()
	if err == nil {
		host.Getenv = settings.Over(host.Getenv, ".env")
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		person := process.Terminals(os.Stdin, os.Stdout) && !container("/")
		err = run(ctx, host, os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr, person})
	}
	process.Exit("trust", err)
}

// console is the terminal, if there is one.
type console struct {
	in       io.Reader
	out, err io.Writer
	person   bool // in and out are a terminal on a machine with browsers
}

// container reports whether this is a container, which has no browser. root is the root of the file system.
func container(root string) bool {
	return slices.ContainsFunc([]string{".dockerenv", "run/.containerenv"}, func(sign string) bool {
		_, err := os.Stat(filepath.Join(root, sign))
		return err == nil
	})
}

// trust is one run of the command.
type trust struct {
	console
	host                              *truststore.Host
	dir                               string // the CA's
	root                              *truststore.Root
	system, remove, dryRun, json, ask bool
}

func run(ctx context.Context, host *truststore.Host, args []string, c console) (err error) {
	t := &trust{console: c, host: host}
	if err := t.parse(args); err != nil {
		return err
	}
	if t.ask && !settings.Load(host.Getenv).Local {
		return nil // the site serves no certificate of the development CA
	}
	if user := cmp.Or(host.Getenv("SUDO_USER"), host.Getenv("DOAS_USER")); host.UID == 0 && user != "" && user != "root" {
		command := "make trust"
		if t.remove {
			command = "make untrust"
		}
		if t.system {
			command += " SYSTEM=1" // calls sudo itself
		}
		return fmt.Errorf("run by sudo it would make a second CA, which only root trusts; run it as %s, without sudo: %s",
			user, command)
	}
	t.dir, err = localca.Dir(host.Getenv)
	switch {
	case err != nil && t.ask:
		return nil // the server reports that, and serves from memory
	case err != nil:
		return fmt.Errorf("%w; set it, and try again", err)
	case t.ask:
		return t.askOnce(ctx)
	}
	if !t.remove {
		if t.root, err = truststore.OpenRoot(t.dir, t.dryRun); err != nil {
			return err
		}
	}
	return t.apply(ctx)
}

func (t *trust) parse(args []string) error {
	flags := flag.NewFlagSet("trust", flag.ContinueOnError)
	flags.SetOutput(t.err)
	flags.BoolVar(&t.system, "system", false,
		"also change the system's store, which asks for an administrator's password")
	flags.BoolVar(&t.remove, "remove", false, "remove the CA from the stores")
	flags.BoolVar(&t.dryRun, "dry-run", false, "change nothing; print the commands that would be run")
	flags.BoolVar(&t.json, "json", false, "print the result as JSON")
	flags.BoolVar(&t.ask, "ask", false, "ask a person at a terminal first, once a machine")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; run: go run ./scripts/trust -h", flags.Arg(0))
	}
	return nil
}

// apply changes the stores and prints the result of each. A run without -ask counts as an answer to its question.
func (t *trust) apply(ctx context.Context) error {
	notes := t.out
	if t.json {
		notes = t.err
	}
	t.host.DryRun = t.dryRun
	t.host.Say = func(line string) { fmt.Fprintln(notes, "  $ "+line) }
	stores, err := truststore.Detect(ctx, t.host, t.dir, t.root)
	if err != nil {
		return err
	}
	change, answer := truststore.Trust, truststore.Yes
	if t.remove {
		change, answer = truststore.Untrust, truststore.No
	}
	rows := change(ctx, t.host, stores, t.system)
	if _, missing := os.Stat(t.dir); !t.dryRun && missing == nil {
		err = truststore.SaveAnswer(t.dir, answer, t.root)
	}
	if err = errors.Join(err, t.report(rows)); err != nil {
		return err
	}
	if slices.ContainsFunc(rows, func(r truststore.Row) bool { return r.Status == truststore.Failed }) {
		return errors.New("not every store could be changed; each row above has the next command")
	}
	return nil
}
