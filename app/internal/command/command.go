// Package command has the program's commands. It makes a server from the environment and a site.
//
//	bin/NAME              serve
//	bin/NAME check        check settings and certificates, then exit: 0 or 1
//	bin/NAME healthcheck  ask the server that runs with these settings whether it is ready: 0 or 1
//	bin/NAME version      print the version
//	bin/NAME help         list the commands and settings of the site
//
// and the commands that the site declares (own.go).
//
// Only this package reads arguments, catches signals and chooses the exit status. It uses the other folders of app, so
// none of them may import it. It gets the site as a kit.Site, and must not import handlers or web.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"example.com/turnkey/app/internal/spelling"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
)

// Run runs a site with the arguments, the environment, the signals and the output of this process, and returns the exit
// status. SIGINT or SIGTERM stops the server without losing a request. A second one ends the process at once. SIGHUP
// makes the server read certificates and names again.
func Run(site kit.Site) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		second := <-signals
		fmt.Fprintf(os.Stderr, "%s: stopped at once by a second signal\n", project())
		os.Exit(128 + int(second.(syscall.Signal)))
	}()
	reload := make(chan os.Signal, 1)
	if len(os.Args) < 2 || os.Args[1] == "serve" {
		signal.Notify(reload, syscall.SIGHUP)
		outliveReaders()
	}
	return Main(ctx, site, World{
		Args: os.Args[1:], Dotenv: settings.LoadDotenv(".env"), Lookup: os.LookupEnv,
		Reload: reload, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}

// outliveReaders lets the site continue when the program that reads its standard output or standard error ends. A write
// there then fails with EPIPE. Without this, SIGPIPE would end the process (https://pkg.go.dev/os/signal#hdr-SIGPIPE),
// and systemd takes that for a clean exit. It calls Notify and not Ignore, because child processes inherit an ignored
// signal.
//
// The other commands only print, so SIGPIPE may end them, as in `bin/NAME check | head`.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// World is what Main needs in addition to the site.
type World struct {
	Args           []string                    // without the program's name; none: serve
	Lookup         func(string) (string, bool) // the environment, with the variables of .env
	Dotenv         settings.Dotenv             // what LoadDotenv found in .env
	Reload         <-chan os.Signal            // each signal makes the server read certificates and names again
	Stdin          io.Reader                   // for the site's own commands; nil: empty
	Stdout, Stderr io.Writer
}

// Main runs one command until it is done or ctx ends. It returns the exit status: 0, 1 if the command failed, 2 if
// there is no such command. To serve, it sets slog's default logger.
func Main(ctx context.Context, site kit.Site, w World) int {
	name, args := "serve", []string(nil)
	if len(w.Args) > 0 {
		name, args = w.Args[0], w.Args[1:]
	}
	builtIn, own := find(commands, name), find(site.Commands, name)
	switch {
	case slices.Contains(helpWords, name):
		usage(w.Stdout, site)
		return 0
	case name == "version" && len(args) == 0:
		fmt.Fprintln(w.Stdout, version())
		return 0
	case name == "doctor":
		fmt.Fprintf(w.Stderr, "%s: the doctor is now a separate program → bin/doctor https://example.com; "+
			"make build writes it, and in the project: make doctor SITE=https://example.com\n", project())
		return 2
	case builtIn == nil && own != nil:
		return report(runOwn(ctx, *own, args, site, w), name, w.Stderr)
	case builtIn == nil || len(args) > 0:
		if builtIn == nil {
			fmt.Fprintf(w.Stderr, "%s: there is no command %q%s\n\n", project(), name, meant(name, site.Commands))
		}
		usage(w.Stderr, site)
		return 2
	}
	l := load(w, site)
	var err error
	switch name {
	case "check":
		err = check(l, site, w.Stdout)
	case "healthcheck":
		err = healthcheck(ctx, l)
	default:
		err = serve(ctx, l, site, w)
	}
	return report(err, project(), w.Stderr)
}

// meant returns the question for the command that a misspelt one means, or "".
func meant(name string, own []kit.Command) string {
	var names []string
	for _, c := range slices.Concat(commands, own) {
		names = append(names, c.Name)
	}
	if near := spelling.Nearest(name, names, len(name)/3); near != "" {
		return fmt.Sprintf(": is %q meant?", near)
	}
	return ""
}

// report prints the error of a command, and returns the exit status.
func report(err error, name string, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	if faults, ok := errors.AsType[settings.Faults](err); ok {
		faults.Print(stderr, project())
	} else {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
	}
	return 1
}
