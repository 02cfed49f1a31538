package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/tlsconfig/localca"
)

const dialTime = 2 * time.Second

// server looks at the ports, and at the certificate of whoever answers.
func (d *doctor) server(ctx context.Context) {
	addr := settings.Dial(d.site.HTTPSAddr)
	ours := false
	switch chain, err := peer(ctx, addr); {
	case refused(err):
		d.ok("https", addr+" is free; no server runs")
	case err != nil || !slices.Contains(chain[0].Issuer.Organization, localca.Organization) && d.site.Local:
		d.taken("https", "HTTPS_ADDR", addr)
	case !d.site.Local:
		d.ok("https", "a server runs on "+addr)
		ours = true
	default:
		ours = true
		d.served(chain, addr)
	}
	if ours && d.site.Local {
		d.handshake(ctx, addr)
	}

	if d.site.HTTPAddr == "" {
		return
	}
	addr = settings.Dial(d.site.HTTPAddr)
	conn, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", addr)
	if err != nil {
		d.ok("http", addr+" is free")
		return
	}
	conn.Close()
	if ours && redirects(ctx, addr, settings.Dial(d.site.HTTPSAddr)) {
		d.ok("http", addr+" leads to HTTPS")
		return
	}
	d.taken("http", "HTTP_ADDR", addr)
}

// served compares what the server sends with what is here.
func (d *doctor) served(chain []*x509.Certificate, addr string) {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	if d.root != nil {
		roots.AddCert(d.root.Cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: "localhost", CurrentTime: d.now})
	disk, diskErr := certificates(d.site.CertFile)
	switch {
	case err != nil:
		d.wrong("https", "the server on "+addr+" sends a certificate that this CA does not vouch for: "+err.Error(), "stop it, then: make dev")
	case diskErr == nil && !disk[0].Equal(chain[0]):
		d.note("https", "the server on "+addr+" sends another certificate than "+d.site.CertFile+"; is it another project's?", "to see whose it is: "+lsof(d.host.OS, addr))
	default:
		d.ok("https", "the server runs on "+addr+" with this certificate")
	}
}

// handshake has a fresh process, which reads the system's roots anew, connect as any program would.
func (d *doctor) handshake(ctx context.Context, addr string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.host.Executable, handshakeCommand, addr)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "SSL_CERT_FILE=") && !strings.HasPrefix(pair, "SSL_CERT_DIR=") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	out, err := cmd.CombinedOutput()
	said := strings.Join(strings.Fields(string(out)), " ")
	var exit *exec.ExitError
	switch {
	case err == nil:
		d.ok("handshake", "a program that relies on the system's store connects: "+said)
	case !errors.As(err, &exit):
		d.wrong("handshake", "no program could be started to try: "+err.Error(), "")
	case d.host.OS == "darwin" || d.host.OS == "windows":
		d.wrong("handshake", "a program that relies on the system's store refuses: "+said, "make trust")
	default:
		d.note("handshake", "a program that relies on the system's store (curl, Go; no browser) refuses: "+said, "make trust SYSTEM=1, or one program alone: curl --cacert certs/ca.pem https://"+addr)
	}
}

const handshakeCommand = "shake-hands-with"

// serveHandshake is the other side of handshake; it belongs at the top of main.
func serveHandshake(args []string) {
	if len(args) != 3 || args[1] != handshakeCommand {
		return
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: dialTime}, "tcp", args[2], nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	fmt.Println(tls.VersionName(conn.ConnectionState().Version))
	conn.Close()
	os.Exit(0)
}

// peer is the chain that a server sends, believed or not.
func peer(ctx context.Context, addr string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	// Nothing is asked of this server, and what it sends is verified by served.
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates, nil
}

// refused says whether nobody listens.
func refused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// redirects says whether plain http on one address leads to https on the other.
func redirects(ctx context.Context, plain, secure string) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+plain+"/", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req) // no proxy, and no following
	if err != nil {
		return false
	}
	resp.Body.Close()
	return strings.HasPrefix(resp.Header.Get("Location"), "https://"+secure+"/")
}
