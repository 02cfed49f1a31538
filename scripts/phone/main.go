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

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/tlsconfig/localca"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], settings.Over(os.Getenv, ".env"), os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "phone:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	host, program     string
	https, http, page int
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("phone", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.host, "host", "", "this machine's `address` on the local network, if the one found is not right")
	flags.IntVar(&o.https, "https", 8443, "the site's `port`")
	flags.IntVar(&o.http, "http", 8080, "the site's `port` for plain http")
	flags.IntVar(&o.page, "page", 8088, "the hand-over page's `port`")
	flags.StringVar(&o.program, "site", "", "a `program` that is built already; else it is built from ./app")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; run: go run ./scripts/phone -h", flags.Arg(0))
	}
	return o, nil
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	s := settings.Load(getenv)
	ca, err := openCA(s, getenv)
	if err != nil {
		return err
	}
	addr, others, err := ownAddress(o.host, ca)
	if err != nil {
		return err
	}
	ln, err := o.listen(addr)
	if err != nil {
		return err
	}
	defer ln.Close()
	site, err := startSite(ctx, s.Project, o.program, o.https, o.http, stdout, stderr)
	if err != nil {
		return err
	}
	defer site.Stop(true, stopTime)

	url := func(scheme string, port int) string {
		return scheme + "://" + net.JoinHostPort(addr, strconv.Itoa(port)) + "/"
	}
	h := newHandover(s.Project, url("https", o.https), ca.Root(), func(line string) { fmt.Fprintln(stdout, "  "+line) })
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second}
	defer srv.Close()
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	announce(stdout, url("http", o.page), url("https", o.https), h.sha256, others)

	select {
	case <-ctx.Done():
		fmt.Fprintln(stdout, "\n  stopping: the page and the site leave the network")
		return nil
	case err := <-failed:
		return err
	case <-site.Exited:
		return errors.New("the site ended, so this does too; what it said is above")
	}
}

// openCA opens the development CA, if these settings use it.
func openCA(s settings.Settings, getenv func(string) string) (*localca.CA, error) {
	if !s.Local {
		return nil, errors.New("these settings take another certificate than the development CA's; take ENV and TLS_MODE " +
			"out of .env and try again")
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

// listen opens the port of the hand-over page.
func (o options) listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort(addr, strconv.Itoa(o.page)))
	switch {
	case err != nil && o.host != "":
		return nil, fmt.Errorf("%w; give an address of this machine, or leave -host out", err)
	case err != nil:
		return nil, fmt.Errorf("%w; choose another port: go run ./scripts/phone -page 8089", err)
	}
	return ln, nil
}

// announce tells what to do with the phone.
func announce(w io.Writer, page, site, sha256 string, others []string) {
	fmt.Fprintf(w, "\n  On your phone, in the same Wi-Fi, open\n\n  ➜  %s\n\n", page)
	fmt.Fprintln(w, code(page, "  "))
	fmt.Fprintf(w, "  It brings the local CA's certificate there. Compare its SHA-256 before you install it:\n\n  %s\n "+
		" %s\n\n", sha256[:47], sha256[48:])
	fmt.Fprintf(w, "  The site is then %s, without a warning.\n\n", site)
	if len(others) > 0 {
		fmt.Fprintf(w, "  No answer? This machine has other addresses: go run ./scripts/phone -host %s\n",
			strings.Join(others, " (or "))
	}
	fmt.Fprintf(w, "  No connection? %s\n  Ctrl-C ends it all.\n\n", firewall())
}

func firewall() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	switch {
	case strings.Contains(strings.ToLower(string(release)), "microsoft"):
		return "WSL has a network of its own: write networkingMode=mirrored under [wsl2] in .wslconfig, then: wsl --shutdown"
	case runtime.GOOS == "darwin":
		return "System Settings, Network, Firewall must let incoming connections through. Many guest networks keep " +
			"devices apart."
	case runtime.GOOS == "windows":
		return "let the program through when Windows' firewall asks. Many guest networks keep devices apart."
	}
	return "A firewall here may stop it (sudo ufw allow 8443,8088/tcp). Many guest networks keep devices apart."
}
