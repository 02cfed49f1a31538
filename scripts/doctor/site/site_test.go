package site

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/chain/chaintest"
)

func TestGoodSiteHasNoFindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dns.add("example.com", typeCAA, caa(0, "issue", "letsencrypt.org"))
	r := w.look()
	for _, c := range r.Checks {
		if c.State != OK || c.Fix != "" {
			t.Errorf("%+v", c)
		}
	}
	if !r.OK || len(r.Addresses) != 2 || r.Certificate == nil || !slices.Equal(r.Certificate.Names, []string{shop}) {
		t.Errorf("report = %+v", r)
	}
	for group, checks := range map[string]string{
		"dns": "a aaaa caa", "ports": "https http", "redirects": "redirect hsts-http",
		"certificate": "names validity trust chain key lifetime address no-sni other-sni",
		"protocol":    "tls1.3 tls1.2 tls1.1 tls1.0 exchange alpn resumption http3", "headers": "page hsts csp nosniff framing referrer cookie clock",
		"challenge": "http-01",
	} {
		for name := range strings.FieldsSeq(checks) {
			find(t, r, group, name)
		}
	}
	for _, name := range []string{"no-sni", "other-sni"} {
		if got := find(t, r, "certificate", name).Found; !strings.Contains(got, "gets this certificate") {
			t.Errorf("%s = %q", name, got)
		}
	}
	for check, want := range map[string]string{"alpn": "HTTP/2", "exchange": "X25519MLKEM768", "resumption": "is resumed", "tls1.0": "refused", "tls1.2": "accepted"} {
		if got := find(t, r, "protocol", check).Found; !strings.Contains(got, want) {
			t.Errorf("%s = %q, want %q", check, got, want)
		}
	}
}

// Each of these sites has one fault. The doctor must find it, name the fix, and report nothing else.
func TestEachFaultIsTheOnlyFinding(t *testing.T) {
	t.Parallel()
	const wellKnown = "/.well-known/acme-challenge/"
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) })
	}
	leading := func(code int, to string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(code)
		})
	}
	// but answers one path of plain http in another way.
	but := func(w *world, match string, h http.Handler) {
		rest := w.plain
		w.plain = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, wellKnown) == (match == wellKnown) {
				h.ServeHTTP(rw, r)
			} else {
				rest.ServeHTTP(rw, r)
			}
		})
	}
	header := func(name, value string) func(*world) {
		return func(w *world) { w.secure = page(func(h http.Header) { h.Set(name, value) }) }
	}
	without := func(name string) func(*world) {
		return func(w *world) { w.secure = page(func(h http.Header) { h.Del(name) }) }
	}
	for _, test := range []struct {
		name       string
		spoil      func(w *world)
		check      string // group/check
		state      report.State
		found, fix string
	}{
		// DNS
		{"no address", func(w *world) { w.dns.remove(shop, dnsmessage.TypeA); w.dns.remove(shop, dnsmessage.TypeAAAA) },
			"dns/addresses", Wrong, "has no address", "add an A record"},
		{"private address", func(w *world) {
			w.dns.remove(shop, dnsmessage.TypeA)
			w.dns.remove(shop, dnsmessage.TypeAAAA)
			w.dns.add(shop, dnsmessage.TypeA, "192.168.1.20")
		}, "dns/reach", Warn, "192.168.1.20 (private)", "public addresses"},
		{"one private address", func(w *world) { w.dns.add(shop, dnsmessage.TypeA, "10.0.0.5") },
			"dns/reach", Wrong, "10.0.0.5 (private)", "remove it"},
		{"loopback address", func(w *world) {
			w.dns.remove(shop, dnsmessage.TypeA)
			w.dns.remove(shop, dnsmessage.TypeAAAA)
			w.dns.add(shop, dnsmessage.TypeA, "127.0.0.1")
		}, "dns/reach", Warn, "(loopback)", "public addresses"},
		{"only IPv6", func(w *world) { w.dns.remove(shop, dnsmessage.TypeA) }, "dns/reach", Warn, "no A record", "IPv4"},
		{"CAA forbids the issuer", func(w *world) {
			w.ca = newAuthority(w.t, "Let's Encrypt", "Real")
			w.dns.add("example.com", typeCAA, caa(0, "issue", "digicert.com"))
		}, "dns/caa", Wrong, "at example.com let digicert.com issue, and not Let's Encrypt", `CAA 0 issue "letsencrypt.org"`},
		{"CAA forbids all", func(w *world) {
			w.ca = newAuthority(w.t, "Let's Encrypt", "Real")
			w.dns.add(shop, typeCAA, caa(0, "issue", ";"))
		}, "dns/caa", Wrong, "let no CA issue", "CAA 0 issue"},
		{"CAA holds what is not known", func(w *world) {
			w.ca = newAuthority(w.t, "Let's Encrypt", "Real")
			w.dns.add(shop, typeCAA, caa(0, "issue", "letsencrypt.org"))
			w.dns.add(shop, typeCAA, caa(128, "tbs", "unknown"))
		}, "dns/caa", Wrong, "let no CA issue", "CAA 0 issue"},
		{"CAA for wildcards", func(w *world) {
			w.ca = newAuthority(w.t, "Let's Encrypt", "Real")
			w.leaf.DNSNames = []string{"*.example.com"}
			w.dns.add(shop, typeCAA, caa(0, "issue", "letsencrypt.org"))
			w.dns.add(shop, typeCAA, caa(0, "issuewild", ";"))
		}, "dns/caa", Wrong, "let no CA issue", "CAA 0 issuewild"},
		{"CAA without Let's Encrypt", func(w *world) { w.dns.add("com", typeCAA, caa(0, "issue", "pki.goog")) },
			"dns/caa", Warn, "at com let pki.goog issue", "letsencrypt.org"},
		{"CAA by DNS alone", func(w *world) {
			w.dns.add(shop, typeCAA, caa(0, "issue", "letsencrypt.org; validationmethods=dns-01"))
		}, "dns/caa", Warn, "validated by dns-01 alone", "http-01"},
		{"CAA cannot be read", func(w *world) { w.dns.fails[typeCAA] = true }, "dns/caa", Warn, "SERVFAIL", "dig CAA"},
		{"CAA is cut off", func(w *world) { w.dns.add(shop, typeCAA, "\x00\x10issue") }, "dns/caa", Warn, "cannot be parsed", "dig CAA"},
		{"CAA has no tag", func(w *world) { w.dns.add(shop, typeCAA, "\x00") }, "dns/caa", Warn, `"" is no tag of a CAA record`, "dig CAA"},
		{"CAA has a bad tag", func(w *world) { w.dns.add(shop, typeCAA, caa(0, "is sue", "x")) }, "dns/caa", Warn, "no tag of a CAA record", "dig CAA"},

		// Ports
		{"IPv6 is dead", func(w *world) { w.dead = []string{"[" + v6 + "]:443"} }, "ports/https", Wrong, v6 + " port 443 refuses", "remove the AAAA record"},
		{"IPv6 is dead on plain http", func(w *world) { w.dead = []string{"[" + v6 + "]:80"} }, "ports/http", Wrong, v6 + " port 80 refuses", "remove the AAAA record"},
		{"IPv6 drops packets", func(w *world) { w.silent = []string{"[" + v6 + "]:443"} }, "ports/https", Wrong, "does not answer in time", "AAAA"},
		{"one IPv4 is dead", func(w *world) {
			w.dns.add(shop, dnsmessage.TypeA, "203.0.113.8")
			w.dead = []string{"203.0.113.8:443"}
		}, "ports/https", Wrong, "203.0.113.8 port 443 refuses", "remove the record"},
		{"port 80 is closed", func(w *world) { w.dead = []string{v4 + ":80", "[" + v6 + "]:80"} }, "ports/http", Warn, "http-01 challenges fail", "listening on all"},
		{"port 80 is filtered", func(w *world) { w.silent = []string{v4 + ":80", "[" + v6 + "]:80"} }, "ports/http", Warn, "in time", "firewall"},

		// Redirects
		{"no redirect", func(w *world) { but(w, "/", status(http.StatusOK)) }, "redirects/redirect", Wrong, "answered with 200", "308"},
		{"redirect for the time being", func(w *world) { but(w, "/", leading(302, "https://"+shop+"/")) }, "redirects/redirect", Warn, "302", "308"},
		{"redirect to nowhere", func(w *world) { but(w, "/", status(http.StatusMovedPermanently)) }, "redirects/redirect", Wrong, `its Location is no URL: ""`, "308"},
		{"loop on http", func(w *world) { but(w, "/", leading(301, "http://"+shop+"/")) }, "redirects/redirect", Wrong, "a loop", "answer a page"},
		{"the first page leads to itself", func(w *world) { w.secure = leading(308, "https://"+shop+"/") }, "headers/page", Wrong,
			"https leads to itself", `"https, http" ends in http`},
		{"redirect to another host", func(w *world) { but(w, "/", leading(301, "https://other.example/")) }, "redirects/redirect", Wrong, "https://other.example", "doctor https://other.example"},
		{"redirect to www at once", func(w *world) { but(w, "/", leading(301, "https://www."+shop+"/")) }, "redirects/redirect", Warn, "before https of this host", "308"},
		{"redirect to another port", func(w *world) { but(w, "/", leading(308, "https://"+shop+":8443/")) }, "redirects/redirect", Warn, ":8443", "lead there"},
		{"redirect by way of http", func(w *world) {
			but(w, "/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				to := "http://" + shop + "/home"
				if r.URL.Path == "/home" {
					to = "https://" + shop + "/"
				}
				http.Redirect(w, r, to, http.StatusMovedPermanently)
			}))
		}, "redirects/redirect", Warn, "more than one step", "308"},
		{"HSTS over http", func(w *world) {
			but(w, "/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Strict-Transport-Security", "max-age=1")
				http.Redirect(w, r, "https://"+shop+"/", http.StatusPermanentRedirect)
			}))
		}, "redirects/hsts-http", Wrong, "max-age=1", "over https alone"},
		{"garbage on port 80", func(w *world) { w.rawHTTP = nonsense }, "redirects/redirect", Wrong, "not HTTP", "listens"},

		// Certificate
		{"expired", func(w *world) {
			w.leaf.NotBefore, w.leaf.NotAfter = time.Now().Add(-90*day), time.Now().Add(-50*time.Hour)
		},
			"certificate/validity", Wrong, "expired 2 days ago", "renew"},
		{"not yet valid", func(w *world) { w.leaf.NotBefore = time.Now().Add(3 * time.Hour) }, "certificate/validity", Wrong, "not valid before", "clock"},
		{"nearly expired", func(w *world) { w.leaf.NotBefore, w.leaf.NotAfter = time.Now().Add(-80*day), time.Now().Add(10*day) },
			"certificate/validity", Warn, "a renewal is overdue", "renewed"},
		{"short-lived and nearly expired", func(w *world) {
			w.leaf.NotBefore, w.leaf.NotAfter = time.Now().Add(-130*time.Hour), time.Now().Add(30*time.Hour)
		}, "certificate/validity", Warn, "30 hours left of 6 days", "renewed"},
		{"wrong name", func(w *world) { w.leaf.DNSNames = []string{"www.example.com"} }, "certificate/names", Wrong, "is for www.example.com, not for " + shop, "DOMAINS"},
		{"missing intermediate", func(w *world) {
			w.chain = func(c tls.Certificate) tls.Certificate { c.Certificate = c.Certificate[:1]; return c }
		}, "certificate/trust", Wrong, "does not send the intermediate Test Authority R1", "fullchain.pem"},
		{"unknown authority", func(w *world) {
			other := newAuthority(w.t, "Other", "Other Authority")
			w.chain = func(tls.Certificate) tls.Certificate { return other.issue(w.t, w.leaf) }
		}, "certificate/trust", Wrong, "leads to no root", "--ca FILE"},
		{"unknown authority, served with its root", func(w *world) {
			other := newAuthority(w.t, "Other", "Other Authority")
			w.chain = func(tls.Certificate) tls.Certificate {
				c := other.issue(w.t, w.leaf)
				c.Certificate = append(c.Certificate, other.root.Raw)
				return c
			}
		}, "certificate/trust", Wrong, "leads to no root", "--ca FILE"},
		{"self-signed", func(w *world) {
			w.chain = func(tls.Certificate) tls.Certificate {
				key := newKey(w.t)
				leaf := sign(w.t, w.leaf, nil, key, key)
				return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
			}
		}, "certificate/trust", Wrong, "self-signed", "CA"},
		{"staging", func(w *world) {
			other := newAuthority(w.t, "(STAGING) Let's Encrypt", "(STAGING) Riddling Rhubarb")
			w.chain = func(tls.Certificate) tls.Certificate { return other.issue(w.t, w.leaf) }
		}, "certificate/trust", Wrong, "a test CA", "ACME_DIRECTORY=staging"},
		{"test CA that is trusted", func(w *world) { w.ca = newAuthority(w.t, "", "Pebble Root CA") }, "certificate/trust", Warn, "trusted here by --ca alone", "production"},
		{"served out of order", func(w *world) {
			w.chain = func(c tls.Certificate) tls.Certificate {
				c.Certificate = [][]byte{c.Certificate[0], w.ca.root.Raw, c.Certificate[1]}
				return c
			}
		}, "certificate/chain", Warn, "is not signed by the one after it", "in order"},
		{"root served too", func(w *world) {
			w.chain = func(c tls.Certificate) tls.Certificate {
				c.Certificate = append(c.Certificate, w.ca.root.Raw)
				return c
			}
		}, "certificate/chain", Warn, "root Test Authority Root is served too", "leave it out"},
		{"too long a life", func(w *world) { w.leaf.NotAfter = time.Now().Add(500 * day) }, "certificate/lifetime", Warn, "500 days", "90 days"},
		{"must-staple without a staple", func(w *world) {
			w.leaf.ExtraExtensions = []pkix.Extension{{Id: mustStaple, Value: []byte{0x30, 3, 2, 1, 5}}}
		}, "certificate/staple", Wrong, "none is sent", "must-staple"},
		{"one address with an old certificate", func(w *world) {
			old := w.ca.issue(w.t, &x509.Certificate{DNSNames: []string{shop}, NotBefore: time.Now().Add(-9 * day), NotAfter: time.Now().Add(-day)})
			var current *tls.Certificate
			w.chain = func(c tls.Certificate) tls.Certificate { current = &c; return c }
			w.tls.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return current, nil }
			w.oldOn6(&old)
		}, "certificate/address", Wrong, v6 + " sends another certificate", "--address " + v6},
		{"garbage on port 443", func(w *world) { w.raw = nonsense }, "certificate/handshake", Wrong, "is not TLS", "which program"},
		{"plain http on port 443", func(w *world) {
			w.raw = func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }
		}, "certificate/handshake", Wrong, "speaks plain http", "TLS"},
		{"no certificate for the name", func(w *world) {
			w.tls.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }
		}, "certificate/handshake", Wrong, "refuses the handshake for " + shop, "DOMAINS"},

		// Protocol
		{"TLS 1.0", func(w *world) { w.tls.MinVersion = tls.VersionTLS10 }, "protocol/tls1.0", Wrong, "accepted", "begin at TLS 1.2"},
		{"no TLS 1.3", func(w *world) { w.tls.MaxVersion = tls.VersionTLS12 }, "protocol/tls1.3", Warn, "not offered", "TLS 1.3"},

		// Headers
		{"no HSTS", without("Strict-Transport-Security"), "headers/hsts", Warn, "there is none", "max-age=31536000"},
		{"HSTS of nothing", header("Strict-Transport-Security", "max-age=0"), "headers/hsts", Warn, "forget", "max-age=31536000"},
		{"HSTS of a week", header("Strict-Transport-Security", "max-age=604800"), "headers/hsts", Warn, "after 7 days", "max-age"},
		{"HSTS that no browser reads", header("Strict-Transport-Security", "max-age=a year"), "headers/hsts", Wrong, "no number of seconds", "max-age"},
		{"HSTS for a list it does not fit", header("Strict-Transport-Security", "max-age=31536000; preload"), "headers/hsts", Warn, "includeSubDomains", "remove preload"},
		{"no CSP", func(w *world) {
			w.secure = page(func(h http.Header) { h.Del("Content-Security-Policy"); h.Set("X-Frame-Options", "DENY") })
		}, "headers/csp", Warn, "no Content-Security-Policy", "default-src"},
		{"JSON without a CSP", func(w *world) {
			w.secure = page(func(h http.Header) { h.Del("Content-Security-Policy"); h.Set("Content-Type", "application/json") })
		}, "headers/csp", OK, "JSON", ""},
		{"CSP that only reports", func(w *world) {
			w.secure = page(func(h http.Header) {
				h.Set("Content-Security-Policy-Report-Only", h.Get("Content-Security-Policy"))
				h.Del("Content-Security-Policy")
			})
		}, "headers/csp", Warn, "not enforced", "Content-Security-Policy"},
		{"no nosniff", without("X-Content-Type-Options"), "headers/nosniff", Warn, "guess", "nosniff"},
		{"frames", header("Content-Security-Policy", "default-src 'self'"), "headers/framing", Warn, "frame", "frame-ancestors"},
		{"referrers", header("Referrer-Policy", "unsafe-url"), "headers/referrer", Warn, "unsafe-url", "strict-origin"},
		{"cookie without Secure", header("Set-Cookie", "id=geheim; HttpOnly"), "headers/cookie", Warn, "id has no Secure", "Secure"},
		{"cookie without HttpOnly", header("Set-Cookie", "id=geheim; Secure"), "headers/cookie", Warn, "id has no HttpOnly", "HttpOnly"},
		{"version of the server", header("Server", "nginx/1.18.0"), "headers/software", Warn, "nginx/1.18.0", "server_tokens off"},
		{"page of errors", func(w *world) {
			w.secure = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		}, "headers/page", Wrong, "502", "log"},
		{"host that is not known", func(w *world) { w.secure = status(http.StatusMisdirectedRequest) }, "headers/page", Wrong, "421", "DOMAINS"},
		{"client certificate", func(w *world) { w.tls.ClientAuth = tls.RequireAnyClientCert }, "headers/page", Wrong, "asks visitors for one", "TLS_CLIENT_CA_FILE"},
		{"page that is cut off", func(w *world) {
			w.secure = page(func(h http.Header) { h.Set("Content-Length", "100") })
		}, "headers/page", Wrong, "does not come to its end", "log"},
		{"other clock", func(w *world) {
			w.secure = page(func(h http.Header) { h.Set("Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat)) })
		}, "headers/clock", Warn, "3 hours apart", "NTP"},

		// Challenge
		{"challenges meet a login", func(w *world) { but(w, wellKnown, status(http.StatusUnauthorized)) }, "challenge/http-01", Wrong, "refused with 401", "before any redirect"},
		{"challenges meet a fault", func(w *world) { but(w, wellKnown, status(http.StatusBadGateway)) }, "challenge/http-01", Wrong, "502", "before any redirect"},
		{"challenges meet a page", func(w *world) { but(w, wellKnown, status(http.StatusOK)) }, "challenge/http-01", Warn, "and a page", "before any redirect"},
		{"challenges are led away", func(w *world) { but(w, wellKnown, leading(302, "https://login.example/")) }, "challenge/http-01", Warn, "login.example", "before any redirect"},
		{"challenges are led over https", func(w *world) {
			but(w, wellKnown, leading(301, "https://"+shop+"/gone"))
			page := w.secure
			w.secure = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/gone" {
					http.NotFound(w, r)
					return
				}
				page.ServeHTTP(w, r)
			})
		}, "challenge/http-01", OK, "after a redirect to https, which CAs follow", ""},
		{"challenges are misdirected", func(w *world) { but(w, wellKnown, status(http.StatusMisdirectedRequest)) }, "challenge/http-01", Wrong, "421", "DOMAINS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.spoil(w)
			r := w.look()
			group, name, _ := strings.Cut(test.check, "/")
			got := find(t, r, group, name)
			if got.State != test.state || !strings.Contains(got.Found, test.found) || !strings.Contains(got.Fix, test.fix) {
				t.Errorf("got  %+v\nwant %s, %q, %q", got, test.state, test.found, test.fix)
			}
			for _, c := range r.Checks {
				if c.State == Wrong && (c.Group != group || c.Name != name) && !follows(test.name, c) {
					t.Errorf("also wrong: %+v", c)
				}
				if (c.State == Wrong || c.State == Warn) != (c.Fix != "") {
					t.Errorf("a fix belongs to what is wrong or warned of, and to nothing else: %+v", c)
				}
			}
			if want := !slices.ContainsFunc(r.Checks, func(c report.Finding) bool { return c.State == Wrong }); r.OK != want {
				t.Errorf("ok = %v, want %v", r.OK, want)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(text, []byte("geheim")) {
				t.Error("a cookie's value is in the report")
			}
		})
	}
}

// follows reports whether one fault causes another finding. A server that does not speak HTTP on port 80 also fails
// challenges, and a server that accepts TLS 1.0 also accepts TLS 1.1.
func follows(test string, c report.Finding) bool {
	return test == "garbage on port 80" && c.Group == "challenge" || test == "TLS 1.0" && c.Name == "tls1.1"
}

// oldOn6 serves an old certificate to connections over IPv6. Here both addresses lead to one listener, so it goes by
// the order of arrival.
func (w *world) oldOn6(old *tls.Certificate) {
	current := w.tls.GetCertificate
	w.tls.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if w.came(hello.Conn) == "["+v6+"]:443" {
			return old, nil
		}
		return current(hello)
	}
}

func nonsense(c net.Conn) {
	c.Read(make([]byte, 1))
	io.WriteString(c, "220 mail.example.com ESMTP ready, and not what you look for\r\n")
}

func TestALoopOverBothSchemesIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secure = http.RedirectHandler("http://"+shop+"/", http.StatusFound)
	got := find(t, w.look(), "redirects", "redirect")
	if n := len(w.dials); n > 30 {
		t.Errorf("%d connections: it went round more than once", n)
	}
	if got.State != Wrong || !strings.Contains(got.Found, "http leads to https, and https back") || !strings.Contains(got.Fix, "X-Forwarded-Proto") {
		t.Errorf("%+v", got)
	}
}

// The doctor requests only the site's own host, wherever the site redirects.
func TestOnlyTheSitesHostIsRequested(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plain = http.RedirectHandler("https://evil.example/", http.StatusMovedPermanently)
	w.secure = http.RedirectHandler("https://evil.example:443/", http.StatusMovedPermanently)
	w.dns.add("evil.example", dnsmessage.TypeA, "203.0.113.66")
	w.look()
	for _, address := range w.dials {
		if host, port, _ := net.SplitHostPort(address); host != v4 && host != v6 || port != "443" && port != "80" {
			t.Errorf("a connection to %s", address)
		}
	}
}

// net/http reads the proxy variables once per process. This test runs first, because all others that request a site are
// parallel.
func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	came := make(chan bool, 100)
	go serveRaw(proxy, func(net.Conn) { came <- true })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://"+proxy.Addr().String())
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	w := newWorld(t)
	if r := w.look(); !r.OK {
		t.Errorf("%+v", r.Checks)
	}
	for _, address := range w.dials {
		if strings.HasPrefix(address, "127.") {
			t.Errorf("a connection to %s", address)
		}
	}
	if len(came) > 0 {
		t.Error("the proxy got a connection")
	}
}

// Each server delays the doctor at another step.
func TestSlowSiteTimesOut(t *testing.T) {
	t.Parallel()
	hang := func(c net.Conn) { io.Copy(io.Discard, c) }
	var wg sync.WaitGroup
	for name, spoil := range map[string]func(w *world){
		"no handshake": func(w *world) { w.raw, w.rawHTTP = hang, hang },
		"no address":   func(w *world) { w.silent = []string{v4 + ":443", v4 + ":80", "[" + v6 + "]:443", "[" + v6 + "]:80"} },
		"no answer": func(w *world) {
			wait := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			w.secure, w.plain = wait, wait
		},
		"no end": func(w *world) {
			drip := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for r.Context().Err() == nil {
					io.WriteString(w, ".")
					w.(http.Flusher).Flush()
					time.Sleep(50 * time.Millisecond)
				}
			})
			w.secure, w.plain = drip, drip
		},
		"no name": func(w *world) {
			silent, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				w.t.Fatal(err)
			}
			w.t.Cleanup(func() { silent.Close() })
			w.dns.addr = silent.LocalAddr().String()
		},
	} {
		w := newWorld(t)
		spoil(w)
		o := w.open()
		o.limits = limits{dns: usual.dns / 5, dial: usual.dial / 5, shake: usual.shake / 5, fetch: usual.fetch / 5,
			group: usual.group / 5}
		wg.Go(func() { // not subtests, because all must wait at the same time on machines with few processors
			start := time.Now()
			if r, err := Look(t.Context(), o); err != nil || r.OK {
				t.Errorf("%s: %v, %+v", name, err, r.Checks)
			}
			if took := time.Since(start); took > 15*time.Second {
				t.Errorf("%s: it took %s", name, took)
			}
		})
	}
	wg.Wait()
	if sum := usual.dns + usual.dial + usual.shake + usual.group; sum > 20*time.Second {
		t.Errorf("without these short limits it takes %s, want 20 s at most", sum)
	}
}

func TestExaminationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.raw = func(c net.Conn) { io.Copy(io.Discard, c) }
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Look(ctx, w.open()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s after its context was done", took)
	}
}

func TestAnEndlessPageIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sent := make(chan int, 100)
	w.secure = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			return // what is written then goes nowhere
		}
		n, block := 0, make([]byte, 64<<10)
		for r.Context().Err() == nil && n < 200<<20 {
			k, err := rw.Write(block)
			if n += k; err != nil {
				break
			}
		}
		sent <- n
	})
	if got := find(t, w.look(), "headers", "page"); got.State != OK {
		t.Errorf("%+v", got)
	}
	select {
	case n := <-sent:
		if n > 20<<20 { // the network's buffers hold more than the doctor reads
			t.Errorf("%d MiB were taken", n>>20)
		}
	case <-time.After(5 * time.Second):
		t.Error("the server still writes")
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secure = page(func(h http.Header) { h.Set("X-Long", strings.Repeat("x", 500<<10)) })
	if got := find(t, w.look(), "headers", "page"); got.State != Wrong {
		t.Errorf("%+v", got)
	}
}

// A site may send characters that move a terminal's cursor or change the direction of a line.
func TestNothingOfASiteReachesTheTerminalUnescaped(t *testing.T) {
	t.Parallel()
	const evil = "\x1b]0;pwned\x07\x1b[2J\u202e\u0085\x9bx"
	w := newWorld(t)
	w.rawHTTP = func(c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.1 301 Moved\r\nLocation: https://evil.example/\x1b[2J\u202e\r\nStrict-Transport-Security: "+evil+"\r\nContent-Length: 0\r\n\r\n")
	}
	// HTTP/2 refuses such headers itself. HTTP/1.1 does not.
	w.tls.NextProtos = []string{"http/1.1"}
	w.leaf.DNSNames = []string{"www.example.com"}
	w.ca = newAuthority(t, "Org\x1b[31m", "Evil\x1b]0;x\x07\u202e")
	w.dns.add(shop, typeCAA, caa(0, "issue", evil))
	w.secure = page(func(h http.Header) {
		for _, name := range []string{"Strict-Transport-Security", "Content-Security-Policy", "Referrer-Policy", "Server", "Alt-Svc"} {
			h.Set(name, "h3=1.2"+evil)
		}
	})
	r := w.look()
	var out bytes.Buffer
	if err := r.Text(&out, false); err != nil {
		t.Fatal(err)
	}
	if err := r.JSON(&out); err != nil {
		t.Fatal(err)
	}
	for _, c := range out.String() {
		if c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 && c <= 0x9f || c == '\u202e' || c == '\ufffd' {
			t.Fatalf("%U in\n%q", c, out.String())
		}
	}
	if !strings.Contains(out.String(), `\x1b[2J\u202e`) {
		t.Errorf("what was sent is not shown at all:\n%s", out.String())
	}
}

func TestCAAIsAskedByTCPWhenItDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dns.truncate = true
	w.dns.add("example.com", typeCAA, caa(0, "issue", "letsencrypt.org"))
	if got := find(t, w.look(), "dns", "caa"); got.State != OK || !strings.Contains(got.Found, "at example.com let letsencrypt.org") {
		t.Errorf("%+v", got)
	}
	w.dns.mu.Lock()
	defer w.dns.mu.Unlock()
	if w.dns.tcp == 0 {
		t.Error("nothing was asked by TCP")
	}
}

func TestForgedDNSAnswersAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dns.forge = true
	if got := find(t, w.look(), "dns", "caa"); got.State != OK {
		t.Errorf("%+v", got)
	}
}

func TestAnAliasIsShownAndItsCAACounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dns.remove(shop, dnsmessage.TypeA)
	w.dns.remove(shop, dnsmessage.TypeAAAA)
	w.dns.add(shop, dnsmessage.TypeCNAME, "edge.example.net")
	w.dns.add("edge.example.net", dnsmessage.TypeA, v4)
	w.dns.add("edge.example.net", typeCAA, caa(0, "issue", "pki.goog"))
	w.dns.add("example.com", typeCAA, caa(0, "issue", "letsencrypt.org"))
	r := w.look()
	if got := find(t, r, "dns", "alias"); !strings.Contains(got.Found, shop+" → edge.example.net") {
		t.Errorf("%+v", got)
	}
	if got := find(t, r, "dns", "caa"); !strings.Contains(got.Found, "pki.goog") {
		t.Errorf("%+v", got)
	}
}

func TestWithoutAResolverCAAIsSkippedWithTheReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.open()
	o.Resolvers, o.Address = []string{}, mustAddr(v4)
	r, err := Look(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := find(t, r, "dns", "caa"); got.State != Skipped || !strings.Contains(got.Found, "DNS servers") {
		t.Errorf("%+v", got)
	}
}

// An operator can examine a server before DNS leads to it.
func TestGivenAddressReplacesDNS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dns.remove(shop, dnsmessage.TypeA)
	w.dns.remove(shop, dnsmessage.TypeAAAA)
	o := w.open()
	o.Address = mustAddr("203.0.113.99")
	r, err := Look(t.Context(), o)
	if err != nil || !r.OK || !slices.Equal(r.Addresses, []string{"203.0.113.99"}) {
		t.Errorf("%v: %+v", err, r)
	}
	for _, address := range w.dials {
		if !strings.HasPrefix(address, "203.0.113.99:") {
			t.Errorf("a connection to %s", address)
		}
	}
}

// Let's Encrypt's chain of 2026: the server sends four certificates, with a new root in none of the stores, signed by an
// older root, which an oldest one signed. A visitor ends at the nearest root that his browser has.
func TestRootIsTheOneThatVisitorsEndAt(t *testing.T) {
	t.Parallel()
	oldest, older, newest := newAuthority(t, "", "X1"), newAuthority(t, "", "X2"), newAuthority(t, "", "YE")
	template := func(c *x509.Certificate) *x509.Certificate {
		return &x509.Certificate{Subject: c.Subject, NotBefore: c.NotBefore, NotAfter: c.NotAfter, IsCA: true,
			BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	cross := func(a, by *authority) []byte {
		return sign(t, template(a.root), by.root, a.rootKey, by.rootKey).Raw
	}
	x1 := func(w *world) []byte {
		return sign(t, template(w.ca.issuer), oldest.root, w.ca.key, oldest.rootKey).Raw
	}
	const goOn = "; clients that do not have that one go on to "
	for _, test := range []struct {
		name  string
		roots []*authority
		also  func(w *world) []byte // another path, sent before the one above the intermediate
		want  string
	}{
		{"only the oldest is in the store", []*authority{oldest}, nil, "the root X1 Root"},
		{"the older one too", []*authority{oldest, older}, nil, "the root X2 Root" + goOn + "X1 Root"},
		{"all", []*authority{older, oldest, newest}, nil, "the root YE Root" + goOn + "X2 Root, and then to X1 Root"},
		{"only the newest", []*authority{newest}, nil, "the root YE Root"},
		{"the oldest signed the intermediate too", []*authority{older, oldest}, x1, "the root X1 Root" + goOn + "X2 Root"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ca = newest
			w.chain = func(c tls.Certificate) tls.Certificate {
				c.Certificate = append(c.Certificate, cross(newest, older), cross(older, oldest))
				if test.also != nil {
					c.Certificate = append(c.Certificate, test.also(w))
				}
				return c
			}
			o := w.open()
			o.Roots = nil
			for _, a := range test.roots {
				o.Roots = append(o.Roots, a.root)
			}
			r, err := Look(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := find(t, r, "certificate", "trust"); got.State != OK || !strings.HasSuffix(got.Found, "issued by YE R1, under "+test.want) {
				t.Errorf("%+v, want %s", got, test.want)
			}
			if got := find(t, r, "certificate", "chain"); test.also == nil && got.Found != "4 served, in order" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Six days before its end a certificate of 90 days is overdue for renewal. A certificate that lasts six days is new.
func TestRenewalIsJudgedByTheLifetime(t *testing.T) {
	t.Parallel()
	for _, row := range chaintest.Ages() {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			r, _ := served(t, row)
			got, want := find(t, r, "certificate", "validity"), OK
			if row.Says != "" {
				want = Warn
			}
			if got.State != want || strings.Contains(got.Found, "a renewal is overdue") != (want == Warn) {
				t.Errorf("%+v", got)
			}
			if life := find(t, r, "certificate", "lifetime"); life.State != OK {
				t.Errorf("%+v", life)
			}
		})
	}
}

func TestRefusalOfUnknownServerNamesIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.chain = func(c tls.Certificate) tls.Certificate {
		w.tls.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != shop {
				return nil, fmt.Errorf("not here: %q", hello.ServerName)
			}
			return &c, nil
		}
		return c
	}
	r := w.look()
	for _, name := range []string{"no-sni", "other-sni"} {
		if got := find(t, r, "certificate", name); got.State != OK || !strings.Contains(got.Found, "is refused") {
			t.Errorf("%+v", got)
		}
	}
}

// served returns the report about a site that serves a row's certificates as they stand. It returns false if no server
// could serve them.
func served(t *testing.T, row chaintest.Row) (report.Report, bool) {
	t.Helper()
	a := chaintest.New(t, shop)
	pair := chain.Read(row.Pair(a))
	if row.Unmet || len(pair.Problems) > 0 {
		return report.Report{}, false
	}
	w := newWorld(t)
	w.ca.root = a.Root
	w.chain = func(tls.Certificate) tls.Certificate {
		cert := tls.Certificate{PrivateKey: pair.Key}
		for _, c := range pair.Certs {
			cert.Certificate = append(cert.Certificate, c.Raw)
		}
		return cert
	}
	return w.look(), true
}

func TestEveryBadChainThatIsServedIsWrong(t *testing.T) {
	t.Parallel()
	for _, row := range chaintest.Bad() {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			r, ok := served(t, row)
			if !ok {
				return // such a pair cannot be served
			}
			var wrong []report.Finding
			for _, c := range r.Checks {
				if c.Group == "certificate" && c.State == Wrong {
					wrong = append(wrong, c)
				}
			}
			if len(wrong) == 0 {
				t.Errorf("nothing is wrong: %+v", r.Checks)
			}
			// What has no line of its own is said in the words of the judgement.
			pair := chain.Read(row.Pair(chaintest.New(t, shop)))
			for _, f := range chain.Judge(pair.Certs, nil, nil, time.Now()).Faults {
				if f.About != chain.Path && f.About != chain.Purpose && (f.About != chain.Key || r.Certificate == nil) {
					continue
				}
				if !slices.ContainsFunc(wrong, func(c report.Finding) bool { return strings.Contains(c.Found, row.Says) && c.Fix != "" }) {
					t.Errorf("it says %+v, want %q", wrong, row.Says)
				}
			}
		})
	}
}

func TestNoGoodChainIsWrong(t *testing.T) {
	t.Parallel()
	for _, row := range chaintest.Good() {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			pair := chain.Read(row.Pair(chaintest.New(t, shop)))
			if best := pair.Judge(nil, time.Now()).Served[0]; !best.Equal(pair.Certs[0]) {
				return // a file in another order, which the product serves in the right one
			}
			r, _ := served(t, row)
			for _, c := range r.Checks {
				if c.Group == "certificate" && c.State == Wrong && c.Name != "validity" {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }
