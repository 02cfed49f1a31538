package machine

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/turnkey/scripts/internal/certfile"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/tlsconfig/localca"
)

const dialTime = 2 * time.Second

// nextPorts is how many ports after a taken one the server tries.
const nextPorts = 10

// server checks the ports, and the certificate of the server that answers there.
func (d *doctor) server(ctx context.Context) {
	if d.site.HTTPSAddr == "" { // a proxy has the port, or the address is a fault
		return
	}
	wanted := settings.Dial(d.site.HTTPSAddr)
	at, chain, err := d.running(ctx, wanted)
	ours := true
	switch {
	case refused(err):
		d.ok("https", wanted+" is free; no server runs")
		ours = false
	case at != wanted:
		d.ok("https", wanted+" was taken, so the server runs on "+at+", with this certificate")
	case err == nil && !d.site.Local:
		d.ok("https", "a server runs on "+at)
	case err == nil && slices.Contains(chain[0].Issuer.Organization, localca.Organization):
		d.served(chain, at)
	default:
		d.taken("https", "HTTPS_ADDR", wanted, d.site.HTTPSMoves)
		ours = false
	}
	if ours && d.site.Local {
		d.handshake(ctx, at)
	}
	if d.site.HTTPAddr != "" {
		d.plain(ctx, at, ours)
	}
}

// running finds the server of this directory by its certificate, on the configured address or on the next ones that the
// server tries. If none sends that certificate, it returns the answer of the configured address.
func (d *doctor) running(ctx context.Context, wanted string) (at string, chain []*x509.Certificate, err error) {
	chain, err = peer(ctx, wanted)
	disk, diskErr := certfile.Read(d.site.CertFile)
	if diskErr != nil || err == nil && chain[0].Equal(disk[0]) {
		return wanted, chain, err
	}
	for _, addr := range next(wanted, d.site.HTTPSMoves) {
		found, err := peer(ctx, addr)
		if err == nil && found[0].Equal(disk[0]) {
			return addr, found, nil
		}
		if refused(err) && d.host.OS == "windows" {
			break // a refused connection takes two seconds there
		}
	}
	return wanted, chain, err
}

// plain checks the port for plain http. It redirects to the server at secure if it is ours.
func (d *doctor) plain(ctx context.Context, secure string, ours bool) {
	wanted := settings.Dial(d.site.HTTPAddr)
	for _, addr := range append([]string{wanted}, next(wanted, d.site.HTTPMoves)...) {
		if ours && redirects(ctx, addr, secure) {
			d.ok("http", addr+" leads to HTTPS")
			return
		}
		if !ours || d.host.OS == "windows" {
			break
		}
	}
	conn, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", wanted)
	if err != nil {
		d.ok("http", wanted+" is free")
		return
	}
	conn.Close()
	d.taken("http", "HTTP_ADDR", wanted, d.site.HTTPMoves)
}

// next returns the addresses that the server tries when its own is taken.
func next(addr string, moves bool) (out []string) {
	host, port, err := net.SplitHostPort(addr)
	first, err2 := strconv.Atoi(port)
	if !moves || err != nil || err2 != nil {
		return nil
	}
	for n := first + 1; n <= first+nextPorts; n++ {
		out = append(out, net.JoinHostPort(host, strconv.Itoa(n)))
	}
	return out
}

// served compares the certificate that the server sends with the one in the file.
func (d *doctor) served(chain []*x509.Certificate, addr string) {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	if d.root != nil {
		roots.AddCert(d.root.Cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: "localhost",
		CurrentTime: d.now})
	disk, diskErr := certfile.Read(d.site.CertFile)
	switch {
	case err != nil:
		d.wrong("https", "the server on "+addr+" sends a certificate that this CA does not vouch for: "+err.Error(),
			"stop it, then: make dev")
	case diskErr == nil && !disk[0].Equal(chain[0]):
		d.note("https", "the server on "+addr+" sends another certificate than "+d.site.CertFile+"; is it another "+
			"project's?", "to see whose it is: "+lsof(d.host.OS, addr))
	default:
		d.ok("https", "the server runs on "+addr+" with this certificate")
	}
}

// peer returns the chain that a server sends, whether it can be verified or not.
func peer(ctx context.Context, addr string) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	// No request follows this handshake, and served verifies what the server sends.
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates, nil
}

// refused reports whether no server listens.
func refused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// redirects reports whether plain http on one address leads to https on the other.
func redirects(ctx context.Context, plain, secure string) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+plain+"/", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req) // it uses no proxy and follows no redirect
	if err != nil {
		return false
	}
	resp.Body.Close()
	return strings.HasPrefix(resp.Header.Get("Location"), "https://"+secure+"/")
}
