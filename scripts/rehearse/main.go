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
	"log"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/idna"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/settings"
)

func main() {
	// SIGHUP comes when the terminal closes. A second signal ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	// If the reader closes the pipe, the rehearsal ends. SIGPIPE must not kill it before it has cleaned up.
	closed := make(chan os.Signal, 1)
	signal.Notify(closed, syscall.SIGPIPE)
	go func() { <-closed; stop() }()
	err := run(ctx, os.Args[1:], settings.Over(os.Getenv, ".env"), os.Stdout, os.Stderr)
	process.Exit("rehearse", err)
}

// shortestLife is the shortest life of a certificate that leaves time for a renewal.
const shortestLife = 10 * time.Second

// The site's ports if they are free, so that its URL is the same each time, and how many after them are tried.
const httpsPort, plainPort, nextPorts = 5443, 5080, 10

// options are what the command line says.
type options struct {
	once, verbose bool
	https, plain  int // ports; 0: the usual one, or the next that is free
	life          time.Duration
	names         []string
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.once, "once", false, "end after the renewal, with exit status 0 if all of it happened")
	flags.IntVar(&o.https, "https", 0, fmt.Sprintf("the site's `port`; %d, or the next that is free", httpsPort))
	flags.IntVar(&o.plain, "http", 0, fmt.Sprintf("the site's `port` for plain http; %d, or the next that is free",
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
	asked, conf := o, settings.Load(getenv)
	addresses := o.chooseNames(conf.Domains)
	r := &rehearsal{options: o, project: conf.Project, out: log.New(stdout, "", 0)}
	if err := r.choosePorts(asked); err != nil {
		return err
	}
	r.out.Printf("\n  rehearsal  ENV=prod DOMAINS=%s", strings.Join(r.names, ","))
	if addresses {
		r.out.Print("  note: addresses are left out, because they are another machine's. Certificates for them come in the same way")
	}
	if mode := getenv("TLS_MODE"); mode == "files" || mode == "proxy" {
		r.out.Printf("  note: this rehearses TLS_MODE=acme; your settings say %s", mode)
	}
	if err := buildPebble(ctx, r.out); err != nil {
		return err
	}
	if r.program, err = buildSite(ctx, r.project); err != nil {
		return err
	}
	if err := r.choosePorts(asked); err != nil { // a port may have been taken during the build
		return err
	}
	r.out.Print("")
	if r.dir, err = os.MkdirTemp("", r.project+"-rehearsal-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.dir)) }()
	if err := r.play(ctx); err != nil {
		return err
	}
	r.out.Print("\n  the rehearsal is over: its programs have ended, and their certificates and keys are removed")
	return nil
}

// chooseNames takes the names of the arguments, or else of DOMAINS, or else examples, as certificates write them. The
// site refuses an invalid name itself. It reports whether addresses were left out.
func (o *options) chooseNames(domains []string) (addresses bool) {
	if len(o.names) == 0 {
		o.names = domains
	}
	var names []string
	for _, name := range o.names {
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			addresses = true
			continue
		}
		if a, err := idna.Lookup.ToASCII(name); err == nil {
			name = a
		}
		names = append(names, name)
	}
	if o.names = names; len(names) == 0 {
		o.names = []string{"shop.example", "www.shop.example"}
	}
	return addresses
}

func (r *rehearsal) choosePorts(asked options) (err error) {
	if r.https, err = sitePort("https", asked.https, httpsPort); err == nil {
		r.plain, err = sitePort("http", asked.plain, plainPort)
	}
	return err
}

// sitePort returns the requested port, which must be free, or else the first free port from usual on.
func sitePort(flag string, asked, usual int) (int, error) {
	if asked != 0 && !free(asked) {
		return 0, fmt.Errorf("port %d is in use, or not for this user; choose another with -%s, or leave that out to get "+
			"the first that is free", asked, flag)
	}
	if asked != 0 {
		return asked, nil
	}
	for port := usual; port <= usual+nextPorts; port++ {
		if free(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("ports %d to %d are all in use; choose another with -%s", usual, usual+nextPorts, flag)
}

// privatePort returns a free port that users need not know. It is below the range that systems use for outgoing
// connections, so that it is still free when its program opens it.
func privatePort() (int, error) {
	for range 1000 {
		if port := 20000 + rand.IntN(12000); free(port) {
			return port, nil
		}
	}
	return 0, errors.New("no free port found on 127.0.0.1")
}

// free reports whether no program has a port open, on any address, for TCP or (DNS) UDP.
func free(port int) bool {
	for _, host := range []string{"", "127.0.0.1"} {
		addr := fmt.Sprintf("%s:%d", host, port)
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		tcp.Close()
		udp, err := net.ListenPacket("udp", addr)
		if err != nil {
			return false
		}
		udp.Close()
	}
	return true
}
