// Command trust makes the browsers of this user trust the development CA, or undoes that.
//
//	go run ./scripts/trust [-system] [-remove] [-dry-run] [-json]
//
// Every store of the user is tried, whatever happens to another one; the system's own store is changed only with
// -system, by sudo. The exit status is 1 only when something failed that should not have. A store that stays as it is
// for a reason that is in its row (certutil is not installed, a dialog was declined, …) is no failure.
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

	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

func main() {
	truststore.ServeVerify(os.Args, os.Stdin)
	host, err := truststore.NewHost()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		err = run(ctx, host, os.Args[1:], os.Stdout, os.Stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "trust:", err)
		os.Exit(1)
	}
}

var errFailed = errors.New("not every store could be changed; each row above has the next command")

func run(ctx context.Context, host *truststore.Host, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("trust", flag.ContinueOnError)
	flags.SetOutput(stderr)
	system := flags.Bool("system", false, "also change the system's store, which asks for an administrator's password")
	remove := flags.Bool("remove", false, "remove the CA from the stores")
	dryRun := flags.Bool("dry-run", false, "change nothing; print the commands that would be run")
	asJSON := flags.Bool("json", false, "print the result as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; run: go run ./scripts/trust -h", flags.Arg(0))
	}
	if user := cmp.Or(host.Getenv("SUDO_USER"), host.Getenv("DOAS_USER")); host.UID == 0 && user != "" && user != "root" {
		command := "make trust"
		if *remove {
			command = "make untrust"
		}
		if *system {
			command += " SYSTEM=1" // calls sudo itself
		}
		return fmt.Errorf("run by sudo it would make a second CA, which only root trusts; run it as %s, without sudo: %s", user, command)
	}

	host.DryRun = *dryRun
	host.Say = func(line string) { fmt.Fprintln(stdout, "  $ "+line) }
	if *asJSON {
		host.Say = func(line string) { fmt.Fprintln(stderr, "  $ "+line) }
	}
	dir, err := localca.Dir(host.Getenv)
	if err != nil {
		return fmt.Errorf("%w; set it, and try again", err)
	}
	report := report{Removed: *remove, DryRun: *dryRun}
	var root *truststore.Root
	if !*remove {
		if root, err = truststore.OpenRoot(dir, *dryRun); err != nil {
			return err
		}
		report.describe(host, root)
	}
	stores, err := truststore.Detect(ctx, host, dir, root)
	if err != nil {
		return err
	}
	if *remove {
		report.Stores = truststore.Untrust(ctx, host, stores, *system)
	} else {
		report.Stores = truststore.Trust(ctx, host, stores, *system)
	}
	if *asJSON {
		err = report.json(stdout)
	} else {
		err = report.text(stdout)
	}
	if err == nil && slices.ContainsFunc(report.Stores, func(r truststore.Row) bool { return r.Status == truststore.Failed }) {
		err = errFailed
	}
	return err
}
