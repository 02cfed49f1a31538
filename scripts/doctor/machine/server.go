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

	"example.com/turnkey/app/settings/portowner"
	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/localca"
)

const (
	dialTime  = 2 * time.Second
	nextPorts = 10 // after a taken one, which the server tries
)

// server checks the ports, and the certificate of the server that answers there.
func (d *doctor) server(ctx context.Context) {
	wanted := settings.Dial(d.site.HTTPSAddr)
	at, sent, err := d.running(ctx, wanted)
	ours := true
	switch {
	case refused(err):
		d.OK("https", wanted+" is free; no server runs")
		ours = false
	case at != wanted:
		d.OK("https", wanted+" was taken, so the server runs on "+at+", with this certificate")
	case err == nil && !d.site.Local:
		d.OK("https", "a server runs on "+at)
	case err == nil && slices.Contains(sent[0].Issuer.Organization, localca.Organization):
		d.served(sent[0], at)
	default:
		d.taken("https", "HTTPS_ADDR", wanted, d.site.HTTPSMoves)
		ours = false
	}
	if d.site.HTTPAddr != "" {
		d.plain(at, ours)
	}
}

// running finds the server of this directory by its certificate, on the configured address or on the next ones that the
// server tries. If none sends that certificate, it returns the answer of the configured address.
func (d *doctor) running(ctx context.Context, wanted string) (at string, sent []*x509.Certificate, err error) {
	disk, diskErr := chain.ReadCertificates(d.site.CertFile)
	for i, addr := range candidates(wanted, d.site.HTTPSMoves) {
		found, foundErr := peer(ctx, addr)
		if i == 0 {
			sent, err = found, foundErr
		}
		if diskErr == nil && foundErr == nil && found[0].Equal(disk[0]) {
			return addr, found, nil
		}
		if diskErr != nil || i > 0 && refused(foundErr) && d.host.OS == "windows" {
			break // a refused connection takes two seconds on Windows
		}
	}
	return wanted, sent, err
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
	op, is := errors.AsType[*net.OpError](err)
	return is && op.Op == "dial"
}

// candidates returns the address and, if the server moves, those that it tries when that one is taken.
func candidates(addr string, moves bool) []string {
	out := []string{addr}
	host, port, _ := net.SplitHostPort(addr)
	first, err := strconv.Atoi(port)
	for n := first + 1; moves && err == nil && n <= first+nextPorts; n++ {
		out = append(out, net.JoinHostPort(host, strconv.Itoa(n)))
	}
	return out
}

// served compares the certificate that the server sends with the CA and with the file.
func (d *doctor) served(sent *x509.Certificate, addr string) {
	disk, err := chain.ReadCertificates(d.site.CertFile)
	_, port, _ := net.SplitHostPort(addr)
	d.First("https", report.Cases{
		{d.ca == nil || !d.ca.Issued(sent), wrong, "the server on " + addr + " sends a certificate that this CA did not sign",
			"stop it, then: make dev"},
		{err == nil && !disk[0].Equal(sent), note, "the server on " + addr + " sends another certificate than " +
			d.site.CertFile + "; is it another project's?", "to see whose it is: " + d.lsof(port)},
		{true, good, "the server runs on " + addr + " with this certificate", ""},
	})
}

// plain checks the port for plain http. It redirects to the server at secure if it is ours.
func (d *doctor) plain(secure string, ours bool) {
	wanted := settings.Dial(d.site.HTTPAddr)
	client := http.Client{
		Timeout: dialTime, Transport: &http.Transport{DisableKeepAlives: true}, // without a proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	free := false
	for i, addr := range candidates(wanted, d.site.HTTPMoves) {
		if i > 0 && (!ours || d.host.OS == "windows") {
			break
		}
		resp, err := client.Head("http://" + addr + "/")
		if err != nil {
			free = free || i == 0 && refused(err)
			continue
		}
		resp.Body.Close()
		if ours && strings.HasPrefix(resp.Header.Get("Location"), "https://"+secure+"/") {
			d.OK("http", addr+" leads to HTTPS")
			return
		}
	}
	if free {
		d.OK("http", wanted+" is free")
		return
	}
	d.taken("http", "HTTP_ADDR", wanted, d.site.HTTPMoves)
}

// taken reports a port that another program listens on. That is a fault only if a setting names this port: make dev
// moves from its default to the next free one.
func (d *doctor) taken(check, setting, addr string, moves bool) {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	who, fix := portowner.Find(n).String(), "stop that program"
	if who == "" {
		who, fix = "another program", d.lsof(port)+" names it; stop it"
	}
	d.First(check, report.Cases{
		{moves, note, "port " + port + " is held by " + who + "; make dev takes the next one that is free",
			"to choose one, set " + setting},
		{true, wrong, "port " + port + " is held by " + who, fix + ", or set " + setting + " to another address, such as " +
			"localhost:1" + port[max(0, len(port)-4):]},
	})
}

// lsof returns the command that names the program on a port.
func (d *doctor) lsof(port string) string {
	if d.host.OS == "windows" {
		return "netstat -ano | findstr :" + port
	}
	return "lsof -i :" + port
}
