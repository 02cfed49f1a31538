// Command phone serves the site on the local network until Ctrl-C, and a page that installs the development CA's
// certificate on a phone or tablet and shows when it is trusted there.
//
//	go run ./scripts/phone [-host address] [-https port] [-http port] [-page port] [-site program]
//
// The page is on plain HTTP and serves the CA's certificate, never a key. Others on the network could change what it
// sends, so the terminal shows the certificate's SHA-256 to compare on the device.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/turnkey/scripts/internal/process"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/tlsconfig/localca"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], settings.Over(os.Getenv, ".env"), os.Stdout, os.Stderr)
	process.Exit("phone", err)
}

// phone is one run of the command.
type phone struct {
	host, program      string // what the command line says
	https, plain, page int    // ports
	out, err           io.Writer
	project            string
	others             []string // addresses of this machine besides host
}

func (p *phone) parse(args []string) error {
	flags := flag.NewFlagSet("phone", flag.ContinueOnError)
	flags.SetOutput(p.err)
	flags.StringVar(&p.host, "host", "", "this machine's `address` on the local network, if the one found is not right")
	flags.IntVar(&p.https, "https", 8443, "the site's `port`")
	flags.IntVar(&p.plain, "http", 8080, "the site's `port` for plain http")
	flags.IntVar(&p.page, "page", 8088, "the hand-over page's `port`")
	flags.StringVar(&p.program, "site", "", "a `program` that is built already; else it is built from ./app")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; run: go run ./scripts/phone -h", flags.Arg(0))
	}
	return nil
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	p := &phone{out: stdout, err: stderr}
	if err := p.parse(args); err != nil {
		return err
	}
	s := settings.Load(getenv)
	ca, err := openCA(s, getenv)
	if err != nil {
		return err
	}
	p.project = s.Project
	ln, err := p.listen(ca)
	if err != nil {
		return err
	}
	defer ln.Close()
	site, err := p.startSite(ctx)
	if err != nil {
		return err
	}
	defer site.Stop(stopTime)

	h := newHandover(p.project, p.url("https", p.https), ca.Root(), func(line string) { fmt.Fprintln(stdout, "  "+line) })
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second}
	defer srv.Close()
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	p.announce(h.sha256)
	select {
	case <-ctx.Done():
		fmt.Fprintln(stdout, "\n  stopping: the page and the site leave the network")
		return nil
	case err := <-failed:
		return err
	case <-site.Exited:
		return errors.New("the site ended, so make phone ends too; what the site wrote is above")
	}
}

// openCA opens the development CA, if these settings use it.
func openCA(s settings.Settings, getenv func(string) string) (*localca.CA, error) {
	if !s.Local {
		return nil, errors.New("these settings use another certificate than the development CA's; remove ENV and TLS_MODE " +
			"from .env and try again")
	}
	dir, err := localca.Dir(getenv)
	if err != nil {
		return nil, fmt.Errorf("%w; set it, and try again", err)
	}
	ca, _, err := localca.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; make doctor says more", err)
	}
	return ca, nil
}

// listen chooses the address, and opens the port of the hand-over page there.
func (p *phone) listen(ca *localca.CA) (net.Listener, error) {
	advice := "choose another port: go run ./scripts/phone -page 8089"
	if p.host != "" {
		advice = "give an address of this machine, or leave -host out"
	}
	var err error
	if p.host, p.others, err = ownAddress(p.host, ca); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(p.host, strconv.Itoa(p.page)))
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, advice)
	}
	return ln, nil
}

func (p *phone) url(scheme string, port int) string {
	return scheme + "://" + net.JoinHostPort(p.host, strconv.Itoa(port)) + "/"
}

func (p *phone) announce(sha256 string) {
	page := p.url("http", p.page)
	fmt.Fprintf(p.out, `
  On your phone, in the same Wi-Fi, open

  ➜  %s

%s
  The page installs the local CA's certificate. Compare its SHA-256 before you install it:

  %s
  %s

  The site is then %s, without a warning.

`, page, code(page, "  "), sha256[:47], sha256[48:], p.url("https", p.https))
	if len(p.others) > 0 {
		fmt.Fprintf(p.out, "  No answer? This machine has other addresses: go run ./scripts/phone -host %s\n",
			strings.Join(p.others, " (or "))
	}
	fmt.Fprintf(p.out, "  No connection? %s\n  Ctrl-C ends it.\n\n", firewall())
}

func firewall() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	guests := " Many guest networks keep devices apart."
	switch {
	case strings.Contains(strings.ToLower(string(release)), "microsoft"):
		return "WSL has a network of its own: write networkingMode=mirrored under [wsl2] in .wslconfig, then: " +
			"wsl --shutdown"
	case runtime.GOOS == "darwin":
		return "System Settings, Network, Firewall must let incoming connections through." + guests
	case runtime.GOOS == "windows":
		return "let the program through when Windows' firewall asks." + guests
	}
	return "A firewall here may stop it (sudo ufw allow 8443,8088/tcp)." + guests
}
