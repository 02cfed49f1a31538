// Command doctor says what is wrong with HTTPS on this machine, and how to mend it. It changes nothing.
//
//	go run ./scripts/doctor [-json]
//
// The exit status is 0 if nothing is wrong, else 1. With -json it prints one object, fit for a bug report: it holds
// no secrets, and the home directory is written ~. Fields and names of checks stay as they are; new ones may come.
//
//	ok      bool    nothing is wrong
//	system  string  operating system and processor
//	go      string  version of Go
//	checks  list of
//	  check   string  ca, certificate, names, key, git, clock, certutil, store, resolve, https, http, handshake, wsl,
//	                  browsers, environment, hsts; store is there once for each
//	  status  string  ok, wrong, or note: worth knowing
//	  found   string  for people
//	  fix     string  what to do or run, if anything
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"time"

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/localca"
)

func main() {
	truststore.ServeVerify(os.Args, os.Stdin)
	serveHandshake(os.Args)
	host, err := truststore.NewHost()
	if err == nil {
		host.Getenv = settings.Over(host.Getenv, ".env")
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		err = run(ctx, host, os.Args[1:], os.Stdout, os.Stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case errors.Is(err, errWrong):
		os.Exit(1) // the report says it all
	case err != nil:
		fmt.Fprintln(os.Stderr, "doctor:", err)
		os.Exit(1)
	}
}

var errWrong = errors.New("something is wrong")

func run(ctx context.Context, host *truststore.Host, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	asJSON := flags.Bool("json", false, "print the report as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; run: go run ./scripts/doctor -h", flags.Arg(0))
	}
	d := &doctor{
		host: host, site: settings.Load(host.Getenv), now: time.Now(),
		lookup: net.DefaultResolver.LookupHost,
	}
	d.examine(ctx)
	home := host.Getenv("HOME")
	if host.OS == "windows" {
		home = host.Getenv("USERPROFILE")
	}
	r := d.report(home)
	var err error
	if *asJSON {
		err = r.json(stdout)
	} else {
		err = r.text(stdout)
	}
	if err == nil && !r.OK {
		err = errWrong
	}
	return err
}

// doctor looks at one thing after another.
type doctor struct {
	host   *truststore.Host
	site   settings.Settings
	now    time.Time
	lookup func(ctx context.Context, name string) ([]string, error)
	checks []check

	// Found on the way; nil where something is wrong with it.
	caDir string
	ca    *localca.CA
	root  *truststore.Root
}

func (d *doctor) examine(ctx context.Context) {
	d.clock()
	if d.site.Local {
		d.authority()
		d.certificate()
		d.key()
		d.git(ctx)
	} else {
		d.note("certificate", "these settings take another certificate than the development CA's", "to check it: bin/"+d.site.Project+" check")
	}
	if d.ca != nil {
		d.stores(ctx)
	}
	d.server(ctx)
	d.machine(ctx)
}

func (d *doctor) ok(check, found string)         { d.add(check, good, found, "") }
func (d *doctor) wrong(check, found, fix string) { d.add(check, bad, found, fix) }
func (d *doctor) note(check, found, fix string)  { d.add(check, note, found, fix) }

func (d *doctor) add(name string, s status, found, fix string) {
	d.checks = append(d.checks, check{name, s, found, fix})
}
