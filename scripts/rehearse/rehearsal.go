package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"example.com/turnkey/scripts/internal/process"
)

// rehearsal is a first deployment and its first renewal. It reports each step once it has seen it.
type rehearsal struct {
	options   // with the ports that are used, and names in ASCII, the canonical one first
	project   string
	program   string // the built site
	dir       string // for all state
	out       *log.Logger
	begin     time.Time
	fail      func(error) // ends the rehearsal and gives the reason
	authority *authority
	client    *http.Client // a visitor
	troubles  chan error   // failed attempts to get a certificate
}

// tell prints what was just seen.
func (r *rehearsal) tell(format string, args ...any) { r.line("✓", format, args...) }

func (r *rehearsal) line(mark, format string, args ...any) {
	r.out.Printf("%6.1f s  %s %s", time.Since(r.begin).Seconds(), mark, fmt.Sprintf(format, args...))
}

// play runs the whole rehearsal. It ends when ctx is done, after a failed step, or with -once after the renewal. When
// it returns, the programs that it started have ended.
func (r *rehearsal) play(ctx context.Context) error {
	stopped := ctx
	ctx, r.fail = context.WithCancelCause(ctx)
	defer r.fail(nil)
	err := r.acts(ctx)
	switch {
	case stopped.Err() == nil:
		return err
	case r.once:
		return errors.New("stopped before the end")
	}
	return nil // the user ended it
}

func (r *rehearsal) acts(ctx context.Context) error {
	r.begin, r.troubles = time.Now(), make(chan error, 16)
	err := r.openAuthority(ctx)
	defer r.authority.close()
	if err != nil {
		return err
	}
	r.client = newClient(r.authority.roots)
	r.tell("the test CA is up: Pebble %s at %s, with a DNS server that resolves every name to 127.0.0.1", pebbleVersion,
		r.authority.directory)
	cmd := exec.Command(r.program)
	cmd.Env = r.siteEnv(os.Environ())
	site, err := r.start(r.project, cmd, r.listen)
	if err != nil {
		return err
	}
	defer site.Stop(stopTime)
	leaves, err := r.issue(ctx)
	if err != nil {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	r.invite(leaves[r.names[0]])
	return r.renew(ctx, leaves)
}

// siteEnv returns the environment of the site: base, except for the settings that the rehearsal decides. An empty value
// overrides that of .env.
func (r *rehearsal) siteEnv(base []string) []string {
	return append(base[:len(base):len(base)],
		"ENV=prod", "TLS_MODE=acme", "DOMAINS="+strings.Join(r.names, ","),
		"HTTPS_ADDR="+loopback(r.https), "HTTP_ADDR="+loopback(r.plain), "ADMIN_ADDR=off",
		// the account and certificates of a real CA stay untouched
		"ACME_DIRECTORY="+r.authority.directory, "ACME_CA_FILE="+r.authority.caFile,
		"ACME_CACHE="+filepath.Join(r.dir, "acme"), "ACME_CACHE_CA_FILE=",
		"ACME_REHEARSAL=off", "ACME_PROFILE=", "ACME_EAB_KID=", "ACME_EAB_HMAC_KEY=",
		// clients connect directly
		"TLS_CERT_FILE=", "TLS_KEY_FILE=", "TLS_CLIENT_CA_FILE=",
		"TRUSTED_PROXIES=", "CLIENT_IP_HEADER=", "PROXY_PROTOCOL=",
		"LOG_FORMAT=text", "LOG_LEVEL=info", "SHUTDOWN_GRACE=1s",
	)
}

// loopback returns the address of a port on this machine alone.
func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (r *rehearsal) listen(line string) {
	if err := complaint(line); err != nil {
		select {
		case r.troubles <- err:
		default: // enough errors are waiting to be printed
		}
	}
}

// pair is a name and its value in a line of log/slog's text format.
var pair = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*"|\S*)`)

// complaint returns the error of a log line about a certificate that was not obtained, and nil for any other line.
func complaint(line string) error {
	f := map[string]string{}
	for _, m := range pair.FindAllStringSubmatch(line, -1) {
		f[m[1]] = m[2]
		if text, err := strconv.Unquote(m[2]); err == nil {
			f[m[1]] = text
		}
	}
	if f["level"] != "ERROR" || f["host"] == "" || f["error"] == "" {
		return nil
	}
	advice := ""
	if f["advice"] != "" {
		advice = "\n  → " + f["advice"]
	}
	return fmt.Errorf("%s: %s: %s%s", f["host"], f["msg"], f["error"], advice)
}

// invite tells how to look at the site.
func (r *rehearsal) invite(leaf *x509.Certificate) {
	short := strings.NewReplacer("h0m0s", "h", "m0s", "m") // 2m for 2m0s
	due := time.Until(leaf.NotAfter.Add(-r.life / 2)).Round(time.Second)
	r.out.Printf(`
  ➜  %s

  %s

  A browser needs %s at 127.0.0.1 in this machine's hosts file while it lasts. It will warn, on purpose:
  no browser trusts the root of a test CA, and none should.
  Certificates live %s here and are renewed half way, in about %s. Ctrl-C ends it.

`, r.url("https", r.https), r.curlLine(runtime.GOOS, os.Getenv), r.names[0], short.Replace(r.life.String()),
		short.Replace(due.String()))
}

// curlLine returns a command to paste into another terminal.
func (r *rehearsal) curlLine(goos string, getenv func(string) string) string {
	args := []string{"curl"}
	if goos == "windows" {
		// In PowerShell, curl may be another command. A test CA has no revocation list.
		args = []string{"curl.exe", "--ssl-no-revoke"}
	}
	for _, proxy := range []string{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"} {
		if getenv(proxy) != "" {
			args = append(args, "--noproxy", "*")
			break
		}
	}
	args = append(args, "--cacert", r.authority.rootFile, "--resolve",
		fmt.Sprintf("%s:%d:127.0.0.1", r.names[0], r.https), r.url("https", r.https))
	return process.Line(goos == "windows", args...)
}

// url returns the address of the first page, at the canonical name.
func (r *rehearsal) url(scheme string, port int) string {
	return fmt.Sprintf("%s://%s:%d/", scheme, r.names[0], port)
}
