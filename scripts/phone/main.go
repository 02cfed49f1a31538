// Command phone serves the site on the local network, and a page that brings the development CA's certificate to a
// phone or tablet and says when it is trusted there, until Ctrl-C.
//
//	go run ./scripts/phone [-host address] [-https port] [-http port] [-page port] [-site program]
//
// Only the CA's certificate is handed over, never a key, over plain HTTP, which others on the network could change:
// so its SHA-256 is in the terminal too, to be compared on the device.
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

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("phone", flag.ContinueOnError)
	flags.SetOutput(stderr)
	host := flags.String("host", "", "this machine's `address` on the local network, if the one found is not right")
	https := flags.Int("https", 8443, "the site's `port`")
	plain := flags.Int("http", 8080, "the site's `port` for plain http")
	page := flags.Int("page", 8088, "the hand-over page's `port`")
	program := flags.String("site", "", "a `program` that is built already; else it is built from ./app")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; run: go run ./scripts/phone -h", flags.Arg(0))
	}
	s := settings.Load(getenv)
	if !s.Local {
		return errors.New("these settings take another certificate than the development CA's; take ENV and TLS_MODE out of .env and try again")
	}
	dir, err := localca.Dir(getenv)
	if err != nil {
		return fmt.Errorf("%w; set it, and try again", err)
	}
	ca, _, err := localca.Open(dir)
	if err != nil {
		return fmt.Errorf("%w; make doctor says more", err)
	}
	addr, others, err := ownAddress(*host, ca)
	if err != nil {
		return err
	}

	at := func(scheme string, port int) string {
		return scheme + "://" + net.JoinHostPort(addr, strconv.Itoa(port)) + "/"
	}
	h := newHandover(s.Project, at("https", *https), ca.Root(), func(line string) { fmt.Fprintln(stdout, "  "+line) })
	ln, err := net.Listen("tcp", net.JoinHostPort(addr, strconv.Itoa(*page)))
	switch {
	case err != nil && *host != "":
		return fmt.Errorf("%w; give an address of this machine, or leave -host out", err)
	case err != nil:
		return fmt.Errorf("%w; choose another port: go run ./scripts/phone -page 8089", err)
	}
	defer ln.Close()
	site, err := startSite(ctx, s.Project, *program, *https, *plain, stdout, stderr)
	if err != nil {
		return err
	}
	defer site.stop()

	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	defer srv.Close()
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	announce(stdout, at("http", *page), at("https", *https), h.sha256, others)

	select {
	case <-ctx.Done():
		fmt.Fprintln(stdout, "\n  stopping: the page and the site leave the network")
		return nil
	case err := <-failed:
		return err
	case <-site.exited:
		return errors.New("the site ended, so this does too; what it said is above")
	}
}

// announce tells what to do with the phone.
func announce(w io.Writer, page, site, sha256 string, others []string) {
	fmt.Fprintf(w, "\n  On your phone, in the same Wi-Fi, open\n\n  ➜  %s\n\n", page)
	fmt.Fprintln(w, code(page, "  "))
	fmt.Fprintf(w, "  It brings the local CA's certificate there. Compare its SHA-256 before you install it:\n\n  %s\n  %s\n\n", sha256[:47], sha256[48:])
	fmt.Fprintf(w, "  The site is then %s, without a warning.\n\n", site)
	if len(others) > 0 {
		fmt.Fprintf(w, "  No answer? This machine has other addresses: go run ./scripts/phone -host %s\n", strings.Join(others, " (or "))
	}
	fmt.Fprintf(w, "  No connection? %s\n  Ctrl-C ends it all.\n\n", firewall())
}

func firewall() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	switch {
	case strings.Contains(strings.ToLower(string(release)), "microsoft"):
		return "WSL has a network of its own: write networkingMode=mirrored under [wsl2] in .wslconfig, then: wsl --shutdown"
	case runtime.GOOS == "darwin":
		return "System Settings, Network, Firewall must let incoming connections through. Many guest networks keep devices apart."
	case runtime.GOOS == "windows":
		return "let the program through when Windows' firewall asks. Many guest networks keep devices apart."
	}
	return "A firewall here may stop it (sudo ufw allow 8443,8088/tcp). Many guest networks keep devices apart."
}
