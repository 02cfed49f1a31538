// Command rehearse plays a first deployment on this machine, before there is a domain or a server: the site in
// production mode, as make build builds it, against Pebble, Let's Encrypt's ACME server for practice, and a DNS that
// leads every name here. What it tells, it has seen happen: no certificate, challenge, issue, https, redirect, HSTS,
// and the renewal.
//
//	go run ./scripts/rehearse [-once] [-https port] [-http port] [-life duration] [-v] [name ...]
//
// Names are those of DOMAINS otherwise, or shop.example and www.shop.example. Other settings of .env and the
// environment hold, but for those of certificates, proxies and ports. It asks no real authority, and leaves nothing
// but programs in bin/rehearse.
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
	// SIGHUP is a terminal that closes. A second signal ends it at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	// A reader who has seen enough closes the pipe; what follows is written to nobody, but must not die of it.
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

// shortestLife is one in which a renewal has time to happen.
const shortestLife = 10 * time.Second

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	once := flags.Bool("once", false, "end after the renewal, with exit status 0 if all of it happened")
	https := flags.Int("https", 0, fmt.Sprintf("the site's `port`; %d, or the next that is free", httpsPort))
	plain := flags.Int("http", 0, fmt.Sprintf("the site's `port` for plain http; %d, or the next that is free", plainPort))
	life := flags.Duration("life", 2*time.Minute, "how long certificates live; they are renewed half way")
	verbose := flags.Bool("v", false, "show what the programs write, too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *life < shortestLife {
		return fmt.Errorf("-life %s is too short for a renewal; give %s or more", *life, shortestLife)
	}
	conf := settings.Load(getenv)
	names := conf.Domains
	if flags.NArg() > 0 {
		names = flags.Args()
	}
	if len(names) == 0 {
		names = []string{"shop.example", "www.shop.example"}
	}
	s := &story{project: conf.Project, names: ascii(names), life: *life, once: *once, out: &sink{w: stdout}}
	s.echo = func(name string) func(string) {
		return func(line string) {
			if *verbose {
				fmt.Fprintf(s.out, "            %s | %s\n", name, line)
			}
		}
	}
	choosePorts := func() (err error) {
		if s.https, err = sitePort("https", *https, httpsPort); err == nil {
			s.plain, err = sitePort("http", *plain, plainPort)
		}
		return err
	}
	if err := choosePorts(); err != nil {
		return err
	}

	say := func(line string) { fmt.Fprintln(s.out, "  "+line) }
	fmt.Fprintf(s.out, "\n  rehearsal  ENV=prod DOMAINS=%s\n", strings.Join(s.names, ","))
	if mode := getenv("TLS_MODE"); mode == "files" || mode == "proxy" {
		say("note: this rehearses TLS_MODE=acme; your settings say " + mode)
	}
	if err := buildPebble(ctx, say); err != nil {
		return err
	}
	if s.program, err = buildSite(ctx, s.project); err != nil {
		return err
	}
	if err := choosePorts(); err != nil { // building takes its time, and another may have come
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
	say("the rehearsal is over: its programs have ended, and their certificates and keys are removed")
	return nil
}

// ascii is names as certificates have them. What is no name is left for the site to refuse, in its own words.
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

// sink lets several goroutines write lines.
type sink struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(line)
}
