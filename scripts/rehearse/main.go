// Command rehearse rehearses a first deployment on this machine, before there is a domain or a server. It runs the site
// in production mode, as make build builds it, against Pebble, the ACME server for tests by Let's Encrypt, and a DNS
// server that resolves every name to this machine. It reports only what it has seen: no certificate, challenge, issue,
// https, redirect, HSTS, and the renewal.
//
//	go run ./scripts/rehearse [-once] [-https port] [-http port] [-life duration] [-v] [name ...]
//
// Without names it takes those of DOMAINS, or shop.example and www.shop.example. It uses the other settings of .env and
// the environment, except those of certificates, proxies and ports. It contacts no public CA, and leaves only programs
// in bin/rehearse.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/idna"

	"example.com/turnkey/scripts/internal/settings"
)

func main() {
	// SIGHUP comes when the terminal closes. A second signal ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	// A reader that closes the pipe ends the rehearsal. Writing to the closed pipe must not kill it before it has cleaned
	// up.
	closed := make(chan os.Signal, 1)
	signal.Notify(closed, syscall.SIGPIPE)
	go func() { <-closed; stop() }()
	err := run(ctx, os.Args[1:], settings.Over(os.Getenv, ".env"), os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		os.Exit(1)
	}
}

// shortestLife is the shortest life of a certificate that leaves time for a renewal.
const shortestLife = 10 * time.Second

// options are what the command line says.
type options struct {
	once, verbose bool
	https, http   int // 0: the usual port, or the next that is free
	life          time.Duration
	names         []string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.once, "once", false, "end after the renewal, with exit status 0 if all of it happened")
	flags.IntVar(&o.https, "https", 0, fmt.Sprintf("the site's `port`; %d, or the next that is free", httpsPort))
	flags.IntVar(&o.http, "http", 0, fmt.Sprintf("the site's `port` for plain http; %d, or the next that is free",
		plainPort))
	flags.DurationVar(&o.life, "life", 2*time.Minute, "how long certificates live; they are renewed half way")
	flags.BoolVar(&o.verbose, "v", false, "show what the programs write, too")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.life < shortestLife {
		return o, fmt.Errorf("-life %s is too short for a renewal; give %s or more", o.life, shortestLife)
	}
	o.names = flags.Args()
	return o, nil
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	conf := settings.Load(getenv)
	if len(o.names) == 0 {
		o.names = conf.Domains
	}
	if len(o.names) == 0 {
		o.names = []string{"shop.example", "www.shop.example"}
	}
	s := newStory(o, conf.Project, stdout)
	if err := s.choosePorts(o); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n  rehearsal  ENV=prod DOMAINS=%s\n", strings.Join(s.names, ","))
	if mode := getenv("TLS_MODE"); mode == "files" || mode == "proxy" {
		s.say("note: this rehearses TLS_MODE=acme; your settings say " + mode)
	}
	if err := buildPebble(ctx, s.say); err != nil {
		return err
	}
	if s.program, err = buildSite(ctx, s.project); err != nil {
		return err
	}
	if err := s.choosePorts(o); err != nil { // a port may have been taken during the build
		return err
	}
	fmt.Fprintln(s.out)
	if s.dir, err = os.MkdirTemp("", s.project+"-rehearsal-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	if err := s.play(ctx); err != nil {
		return err
	}
	fmt.Fprintln(s.out)
	s.say("the rehearsal is over: its programs have ended, and their certificates and keys are removed")
	return nil
}

func newStory(o options, project string, stdout io.Writer) *story {
	s := &story{project: project, names: ascii(o.names), life: o.life, once: o.once, out: &sink{w: stdout}}
	s.echo = func(name string) func(string) {
		return func(line string) {
			if o.verbose {
				fmt.Fprintf(s.out, "            %s | %s\n", name, line)
			}
		}
	}
	return s
}

func (s *story) choosePorts(o options) (err error) {
	if s.https, err = sitePort("https", o.https, httpsPort); err == nil {
		s.plain, err = sitePort("http", o.http, plainPort)
	}
	return err
}

func (s *story) say(line string) { fmt.Fprintln(s.out, "  "+line) }

// ascii returns names as certificates write them. It leaves an invalid name as it is: the site refuses that with a
// message of its own.
func ascii(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = name
		if a, err := idna.Lookup.ToASCII(name); err == nil {
			out[i] = a
		}
	}
	return out
}

// sink is a writer for several goroutines.
type sink struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(line)
}
