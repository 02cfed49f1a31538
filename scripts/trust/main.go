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
	"slices"

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/terminal"
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
		err = run(ctx, host, os.Args[1:], console{os.Stdin, os.Stdout, os.Stderr, terminal.Are(os.Stdin, os.Stdout) &&
			!container("/")})
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "trust:", err)
		os.Exit(1)
	}
}

// console is the terminal, if there is one.
type console struct {
	in       io.Reader
	out, err io.Writer
	person   bool // in and out are a terminal on a machine with browsers
}

type options struct{ system, remove, dryRun, json bool }

var errFailed = errors.New("not every store could be changed; each row above has the next command")

func run(ctx context.Context, host *truststore.Host, args []string, c console) error {
	flags := flag.NewFlagSet("trust", flag.ContinueOnError)
	flags.SetOutput(c.err)
	var o options
	flags.BoolVar(&o.system, "system", false, "also change the system's store, which asks for an administrator's password")
	flags.BoolVar(&o.remove, "remove", false, "remove the CA from the stores")
	flags.BoolVar(&o.dryRun, "dry-run", false, "change nothing; print the commands that would be run")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	first := flags.Bool("ask", false, "ask a person at a terminal first, once a machine")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; run: go run ./scripts/trust -h", flags.Arg(0))
	}
	if *first && !settings.Load(host.Getenv).Local {
		return nil // the site serves no certificate of the development CA
	}
	if user := cmp.Or(host.Getenv("SUDO_USER"), host.Getenv("DOAS_USER")); host.UID == 0 && user != "" && user != "root" {
		command := "make trust"
		if o.remove {
			command = "make untrust"
		}
		if o.system {
			command += " SYSTEM=1" // calls sudo itself
		}
		return fmt.Errorf("run by sudo it would make a second CA, which only root trusts; run it as %s, without sudo: %s",
			user, command)
	}

	dir, err := localca.Dir(host.Getenv)
	switch {
	case err != nil && *first:
		return nil // the server reports that, and serves from memory
	case err != nil:
		return fmt.Errorf("%w; set it, and try again", err)
	case *first:
		return ask(ctx, host, dir, c)
	}
	var root *truststore.Root
	if !o.remove {
		if root, err = truststore.OpenRoot(dir, o.dryRun); err != nil {
			return err
		}
	}
	return apply(ctx, host, dir, root, c, o)
}

// apply changes the stores and prints what came of each. A run without a question counts as an answer to that of -ask.
func apply(ctx context.Context, host *truststore.Host, dir string, root *truststore.Root, c console, o options) error {
	host.DryRun = o.dryRun
	host.Say = func(line string) { fmt.Fprintln(c.out, "  $ "+line) }
	if o.json {
		host.Say = func(line string) { fmt.Fprintln(c.err, "  $ "+line) }
	}
	report := report{Removed: o.remove, DryRun: o.dryRun}
	if root != nil {
		report.describe(host, root)
	}
	stores, err := truststore.Detect(ctx, host, dir, root)
	if err != nil {
		return err
	}
	answer := truststore.Yes
	if o.remove {
		answer = truststore.No
		report.Stores = truststore.Untrust(ctx, host, stores, o.system)
	} else {
		report.Stores = truststore.Trust(ctx, host, stores, o.system)
	}
	if _, missing := os.Stat(dir); !o.dryRun && missing == nil {
		err = truststore.SaveAnswer(dir, answer, root)
	}
	if o.json {
		err = errors.Join(err, report.json(c.out))
	} else {
		err = errors.Join(err, report.text(c.out))
	}
	if err == nil && slices.ContainsFunc(report.Stores,
		func(r truststore.Row) bool { return r.Status == truststore.Failed }) {
		err = errFailed
	}
	return err
}
