// Package command is the program: its commands, and the way from the environment to a server that serves.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"runtime/debug"
	"slices"
	"syscall"

	"example.com/turnkey/app/kit"
)

// Run runs a site with the arguments, the environment, the signals and the output of this process. It returns the exit status.
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
	signal.Notify(reload, syscall.SIGHUP)
	if len(os.Args) < 2 || os.Args[1] == "serve" {
		outliveReaders()
	}
	dotenv := loadDotenv(".env")
	return run(ctx, program{
		site: site, args: os.Args[1:], lookup: os.LookupEnv, dotenv: dotenv, reload: reload, stdout: os.Stdout, stderr: os.Stderr,
	})
}

// outliveReaders lets the site continue when the program that reads its standard output or standard error ends. A write there
// then fails with EPIPE. Without this, SIGPIPE would end the process (https://pkg.go.dev/os/signal#hdr-SIGPIPE), and systemd
// takes that for a clean exit. It is Notify and not Ignore because child processes inherit an ignored signal.
//
// Other commands only print, so SIGPIPE ends them, as in `bin/NAME check | head`.
func outliveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// program is everything that run takes from the world.
type program struct {
	site           kit.Site
	args           []string
	lookup         func(string) (string, bool)
	dotenv         dotenv
	reload         <-chan os.Signal
	stdout, stderr io.Writer
}

// run is the whole program; its result is the exit status.
func run(ctx context.Context, p program) int {
	command := "serve"
	if len(p.args) > 0 {
		command = p.args[0]
	}
	if command == "version" && len(p.args) == 1 {
		fmt.Fprintln(p.stdout, version())
		return 0
	}
	if command == "doctor" {
		fmt.Fprintf(p.stderr, "%s: the doctor is a program of its own → bin/doctor https://example.com; make build writes it, "+
			"and in the project: make doctor SITE=https://example.com\n", project())
		return 2
	}
	if len(p.args) > 1 || command != "serve" && command != "check" && command != "healthcheck" {
		fmt.Fprintf(p.stderr, "usage: %s [serve | check | healthcheck | version]\n", project())
		return 2
	}

	cfg, names, faults := loadConfig(p.lookup, project())
	cfg.names = cfg.namesWith(p.dotenv)
	cfg.bodies = bodies{p.site.BodyLimits, p.site.BodyTypes}
	ctx = joinDev(ctx, &cfg, p.lookup)
	cfg, unfit := cfg.withPassedSockets(p.lookup)
	faults = slices.Concat(p.dotenv.faults(names), faults, unfit)
	var err error
	switch command {
	case "check":
		err = check(cfg, faults, p.stdout)
	case "healthcheck":
		err = healthcheck(ctx, cfg, faults)
	default:
		err = serve(ctx, cfg, faults, p)
	}
	if err != nil {
		var list faultList
		if errors.As(err, &list) {
			list.print(p.stderr)
		} else {
			fmt.Fprintf(p.stderr, "%s: %v\n", project(), err)
		}
		return 1
	}
	return 0
}

// project is the last element of the module's path, so that a rename changes it in one place.
func project() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return path.Base(info.Main.Path)
	}
	return "site"
}

// version is what the go command stamped into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return project() + " unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v += " " + s.Value[:min(12, len(s.Value))]
			}
			if s.Key == "vcs.modified" && s.Value == "true" {
				v += " (modified)"
			}
		}
	}
	return fmt.Sprintf("%s %s %s", project(), v, info.GoVersion)
}
