package acme

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// A CA connects to an address for tls-alpn-01 with the name of RFC 8738 §6, and asks for http-01 at the address itself.
// The name for IPv6 is the example of RFC 8738 §4.
func TestChallengesForAddressesAreAnswered(t *testing.T) {
	t.Parallel()
	challenge := newCertificate(t, "192.0.2.1")
	s := New(Options{Domains: []string{"192.0.2.1", "2001:db8::1"}, Issuer: scripted{hello: challenge},
		Log: slog.New(slog.DiscardHandler)})
	for name, answered := range map[string]bool{
		"1.2.0.192.in-addr.arpa":  true,
		"1.2.0.192.in-addr.arpa.": true,
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": true,
		"2.2.0.192.in-addr.arpa": false,
		"":                       false,
	} {
		got, _ := s.getCertificate(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{alpnProto}})
		if (got == challenge) != answered {
			t.Errorf("tls-alpn-01 for %q is answered: %v, want %v", name, got == challenge, answered)
		}
	}
	for host, want := range map[string]string{"192.0.2.1": "answer to x", "192.0.2.1:80": "answer to x",
		"[2001:db8::1]": "answer to x", "[2001:DB8:0:0::1]:80": "answer to x",
		"192.0.2.2": "404 page not found\n", "1.2.0.192.in-addr.arpa": "404 page not found\n"} {
		answer := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, challengePath+"x", nil)
		r.Host = host
		s.HTTPHandler(http.NotFoundHandler()).ServeHTTP(answer, r)
		if got := answer.Body.String(); got != want {
			t.Errorf("http-01 at %s is answered %q, want %q", host, got, want)
		}
	}
}

// What a public CA would refuse is told before it is asked. A private CA may issue for a network of its own.
func TestAddressesThatNoCAVouchesFor(t *testing.T) {
	t.Parallel()
	problem := func(directory, address string) string {
		s := Settings{Domains: []string{address}, Directory: directory, Store: store.Config{Where: t.TempDir()}}
		faults := s.Check()
		if len(faults) == 0 {
			return ""
		}
		if faults[0].Setting != "DOMAINS" || faults[0].Value != address || faults[0].Fix == "" {
			t.Errorf("%s: %+v", address, faults[0])
		}
		return faults[0].Problem
	}
	for address, want := range map[string]string{
		"8.8.8.8": "", "1.1.1.1": "", "2606:4700:4700::1111": "", "2a01:4f8::1": "", "100.128.0.1": "", "172.32.0.1": "",
		"127.0.0.1": "loopback", "::1": "loopback", "10.1.2.3": "private", "172.31.0.1": "private",
		"192.168.1.5": "private", "fd00::2": "private", "100.64.0.1": "address translation", "169.254.1.1": "link-local",
		"fe80::1": "link-local", "203.0.113.7": "for examples", "198.51.100.1": "for examples",
		"192.0.2.1": "for examples", "2001:db8::1": "for examples", "198.18.0.1": "reserved", "255.255.255.255": "reserved",
		"2002:101:101::1": "reserved", "64:ff9b::808:808": "reserved", "5f00::1": "reserved", "1fff::1": "reserved",
		"4000::1": "reserved",
	} {
		for _, directory := range []string{setting.ProductionDirectory, setting.StagingDirectory,
			"https://acme.zerossl.com/v2/DV90", "https://dv.acme-v02.api.pki.goog/directory"} {
			if got := problem(directory, address); (got == "") != (want == "") || !strings.Contains(got, want) {
				t.Errorf("%s at %s: %q, want %q", address, directory, got, want)
			}
		}
		for _, directory := range []string{"https://ca.internal/acme", "https://letsencrypt.org.internal/directory"} {
			if got := problem(directory, address); got != "" {
				t.Errorf("%s at the private %s: %q", address, directory, got)
			}
		}
	}
	for address, want := range map[string]string{"0.0.0.0": "no address of a server", "224.0.0.1": "no address of a server",
		"::": "no address of a server", "::ffff:8.8.8.8": "notation of IPv6"} {
		if got := problem("https://ca.internal/acme", address); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// Browsers send no server name for an address. They get the certificate for the address that they have connected to, or
// the first of its family: behind address translation the server does not know the address that clients use.
func TestClientsWithoutAServerNameGetTheirAddress(t *testing.T) {
	t.Parallel()
	addresses := []string{"192.0.2.1", "127.0.0.1", "2001:db8::1"}
	site := func(domains ...string) *Source {
		s := newSource(t, t.TempDir(), nil, append([]string{"shop.test"}, domains...)...)
		for _, h := range s.hosts {
			h.serve(cert.Candidate{Certificate: newCertificate(t, h.name)}, time.Now())
		}
		return s
	}
	with, without, ipv4 := site(addresses...), site(), site("127.0.0.1")
	for _, test := range []struct {
		name, listen, server, want string
		site                       *Source
	}{
		{"the address of the connection", "127.0.0.1:0", "", "127.0.0.1", with},
		{"the first of its family", "[::1]:0", "", "2001:db8::1", with},
		{"a socket for both families", ":0", "", "127.0.0.1", with},
		{"a name", "127.0.0.1:0", "shop.test", "shop.test", with},
		{"a family of which there is none", "[::1]:0", "", "shop.test", ipv4},
		{"a site without addresses", "127.0.0.1:0", "", "shop.test", without},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ln, err := tls.Listen("tcp", test.listen, &tls.Config{GetCertificate: test.site.getCertificate})
			if err != nil {
				t.Skip("this machine has no such address:", err)
			}
			t.Cleanup(func() { ln.Close() })
			go func() {
				for conn, err := ln.Accept(); err == nil; conn, err = ln.Accept() {
					conn.(*tls.Conn).Handshake()
					conn.Close()
				}
			}()
			host, port, _ := net.SplitHostPort(ln.Addr().String())
			if test.listen == ":0" {
				host = "127.0.0.1"
			}
			conn, err := tls.Dial("tcp", net.JoinHostPort(host, port),
				&tls.Config{ServerName: test.server, InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.ConnectionState().PeerCertificates[0].VerifyHostname(test.want); err != nil {
				t.Error(err)
			}
		})
	}
}
