// Command doctor examines HTTPS on this machine or of a deployed site. It says what is right, what is wrong and how to
// fix it. It changes nothing.
//
//	go run ./scripts/doctor                         this machine, for development: make doctor
//	go run ./scripts/doctor https://host[:port]     a site, as its visitors and CAs see it: make doctor SITE=https://host
//
// make build writes the same program as bin/doctor, for a server without Go. -h lists the flags, which may come before
// or after the site. Package report describes the output of -json.
//
// The exit status is 0 if nothing is wrong, 1 if something is, 2 if the arguments are not clear.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"example.com/turnkey/scripts/doctor/machine"
	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/scripts/doctor/site"
	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/chain"
)

func main() {
	truststore.ServeVerify(os.Args, os.Stdin)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, program{
		args: os.Args[1:], getenv: settings.Over(os.Getenv, ".env"), host: truststore.NewHost,
		stdout: os.Stdout, stderr: os.Stderr,
	}))
}

// program is what run needs from outside.
type program struct {
	args           []string
	getenv         func(string) string
	host           func() (*truststore.Host, error) // for this machine alone
	stdout, stderr io.Writer
}

// run is the whole program. It returns the exit status.
func run(ctx context.Context, p program) int {
	o, asJSON, err := parseArgs(p.args, p.stderr)
	var r report.Report
	switch {
	case err != nil:
	case o.URL != "":
		r, err = site.Look(ctx, o)
	default:
		host, hostErr := p.host()
		if err = hostErr; err == nil {
			host.Getenv = p.getenv
			r = machine.Look(ctx, host)
		}
	}
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(p.stderr, "doctor:", err)
		}
		return 2
	}
	r.Redact(p.getenv("HOME"))
	r.Redact(p.getenv("USERPROFILE"))
	if asJSON {
		err = r.JSON(p.stdout)
	} else {
		err = r.Text(p.stdout, colourful(p.stdout, p.getenv))
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "doctor:", err)
	}
	if err != nil || !r.OK {
		return 1
	}
	return 0
}

// parseArgs reads the command line. A result without a URL means this machine.
func parseArgs(args []string, stderr io.Writer) (o site.Options, asJSON bool, err error) {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints the error
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	flags.IntVar(&o.HTTPPort, "http-port", 0, "where the site answers plain http (80, if https is on 443)")
	flags.Func("ca", "trust the CAs of this PEM `file` too: a private CA, or a test CA", func(file string) error {
		o.Roots, err = chain.ReadCertificates(file)
		return err
	})
	flags.Func("address", "look at this `IP` instead of what DNS says: a server before its name leads to it",
		func(text string) error { o.Address, err = netip.ParseAddr(text); return err })
	var sites []string
	for len(args) > 0 { // package flag stops at the first other argument, and many users type the site first
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, "usage: doctor [-json]                        look at this machine\n"+
				"       doctor [flags] https://host[:port]    look at a site\n")
			flags.SetOutput(stderr)
			flags.PrintDefaults()
			return o, false, err
		} else if err != nil {
			return o, false, err
		}
		if args = flags.Args(); len(args) > 0 {
			sites, args = append(sites, args[0]), args[1:]
		}
	}
	const example = " → doctor https://example.com"
	switch {
	case len(sites) > 1:
		return o, false, fmt.Errorf("%d sites are given, and it looks at one"+example, len(sites))
	case len(sites) == 1 && sites[0] == "":
		return o, false, errors.New("the site is empty" + example + ", or leave it out to look at this machine")
	case len(sites) == 1:
		o.URL = sites[0]
	case o.Roots != nil || o.Address.IsValid() || o.HTTPPort != 0:
		return o, false, errors.New("-ca, -address and -http-port are for a site, and none is given" + example)
	}
	return o, asJSON, nil
}

// colourful reports whether w is a terminal and its user wants colour (no-color.org). Windows' consoles show colour
// only after a system call, so they get none.
func colourful(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	return ok && runtime.GOOS != "windows" && getenv("NO_COLOR") == "" && getenv("TERM") != "" &&
		getenv("TERM") != "dumb" && process.Terminals(f)
}
