// Command doctor looks at HTTPS, on this machine or of a deployed site, and says what is right, what is wrong and how
// to fix it. It changes nothing.
//
//	go run ./scripts/doctor                         this machine, for development: make doctor
//	go run ./scripts/doctor https://host[:port]     a site, as its visitors and CAs see it: make doctor SITE=https://host
//
// make build writes the same program as bin/doctor, for a server without Go. Flags may come before or after the site:
//
//	-json              print the report as JSON, which package report describes; it holds no secrets
//	-ca FILE           trust the authorities of this PEM file too: a private CA, or a test CA
//	-address IP        look at this address instead of what DNS says: a server before its name leads to it
//	-http-port PORT    where the site answers plain http (80, if https is on 443)
//
// The exit status is 0 if nothing is wrong, 1 if something is, 2 if it is not clear what to look at.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"example.com/turnkey/scripts/doctor/machine"
	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/scripts/doctor/site"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
)

func main() {
	machine.Serve()
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
	r, asJSON, err := examine(ctx, p)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(p.stderr, "doctor:", err)
		}
		return 2
	}
	for _, name := range []string{"HOME", "USERPROFILE"} {
		r.Redact(p.getenv(name))
	}
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

// examine examines what the arguments ask for. After an error nothing was examined.
func examine(ctx context.Context, p program) (r report.Report, asJSON bool, err error) {
	o, asJSON, err := parseArgs(p.args, p.stderr)
	if err != nil {
		return r, asJSON, err
	}
	if o.URL != "" {
		r, err = site.Look(ctx, o)
		return r, asJSON, err
	}
	host, err := p.host()
	if err != nil {
		return r, asJSON, err
	}
	host.Getenv = p.getenv
	return machine.Look(ctx, host), asJSON, nil
}

// colourful reports whether w is a terminal and its user wants colour (no-color.org). Windows' consoles show colour
// only after a system call, so they get none.
func colourful(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	if !ok || runtime.GOOS == "windows" || getenv("NO_COLOR") != "" || getenv("TERM") == "" || getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
