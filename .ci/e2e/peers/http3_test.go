package peers

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// quicSite is a site in production with HTTP/3.
type quicSite struct {
	*rig.Product
	port  int
	admin string // address of the metrics
	spki  string // of its certificate
	root  string // file of the CA
}

func startQUIC(t *testing.T, host string) quicSite {
	t.Helper()
	dir, port, ca := t.TempDir(), rig.Port(t), rig.NewCA(t, "Site")
	pair := ca.Issue(t, rig.Leaf{Names: []string{host}})
	pair.Write(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	s := quicSite{port: port, admin: rig.Loopback(rig.Port(t)), root: filepath.Join(dir, "root.pem")}
	rig.Write(t, s.root, ca.RootPEM(), 0o644)
	s.spki = spki(pair.Leaf)
	s.Product = rig.Start(t, dir, rig.Env{"ENV": "prod", "TLS_MODE": "files", "DOMAINS": host, "HTTP3": "on",
		"TLS_CERT_FILE": "cert.pem", "TLS_KEY_FILE": "key.pem", "HTTP_ADDR": "off",
		"ADMIN_ADDR": s.admin, "HTTPS_ADDR": fmt.Sprintf("localhost:%d", port)})
	return s
}

// over returns how many requests for a path the site has answered over a protocol.
func (s quicSite) over(proto, path string) int {
	return len(s.Logged(func(line map[string]any) bool {
		return line["msg"] == "request" && line["proto"] == proto && line["path"] == path &&
			(line["client"] == "127.0.0.1" || line["client"] == "::1")
	}))
}

func TestChromiumShowsThePageOverHTTP3(t *testing.T) {
	t.Parallel()
	s := startQUIC(t, shop)
	b := newBrowser(t)
	b.Sites = rig.Sites{shop + ":443": rig.Loopback(s.port)}
	b.QUIC = []string{"--origin-to-force-quic-on=" + shop + ":443", "--ignore-certificate-errors-spki-list=" + s.spki}
	page := b.Steer(t)
	page.Visit(t, "https://"+shop+"/connection", "")
	var text, protocol string
	page.Evaluate(t, "document.body.innerText", &text)
	page.Evaluate(t, "performance.getEntriesByType('navigation')[0].nextHopProtocol", &protocol)
	if !strings.Contains(text, "HTTP/3.0") || !strings.Contains(text, "QUIC wraps them") || protocol != "h3" {
		t.Errorf("the page came over %q, and says:\n%s", protocol, text)
	}
	page.Picture(t, artifact(t, "connection-http3.png"))
	if s.over("HTTP/3.0", "/connection") == 0 {
		t.Error("the log does not say that the page went over HTTP/3")
	}
}

// A name and an address get certificates from a CA. Over QUIC, too, the one for an address is found without a server
// name: by the address that the client has sent its packets to.
func TestChromiumSpeaksHTTP3WithCertificatesOfACA(t *testing.T) {
	t.Parallel()
	https, http, addr := rig.Port(t), rig.Port(t), "127.0.0.1"
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: https, HTTPPort: http,
		Profiles: map[string]time.Duration{"classic": 90 * 24 * time.Hour, "shortlived": 160 * time.Hour}})
	s := quicSite{port: https}
	s.Product = rig.Start(t, t.TempDir(), rig.Env{"ENV": "prod", "DOMAINS": shop + "," + addr, "HTTP3": "on",
		"HTTPS_ADDR": fmt.Sprintf(":%d", https), "HTTP_ADDR": fmt.Sprintf(":%d", http),
		"ACME_DIRECTORY": pebble.Directory, "ACME_CA_FILE": pebble.CAFile, "ACME_CACHE": t.TempDir()})
	var keys []string
	for _, name := range []string{shop, addr} {
		rig.Eventually(t, time.Minute, "a certificate for "+name, func() bool {
			state, err := rig.Handshake(rig.Loopback(https), &tls.Config{ServerName: name, RootCAs: pebble.Roots(t)})
			if err == nil {
				keys = append(keys, spki(state.PeerCertificates[0]))
			}
			return err == nil
		})
	}
	b := newBrowser(t)
	b.Sites = rig.Sites{shop + ":443": rig.Loopback(https)}
	b.QUIC = []string{fmt.Sprintf("--origin-to-force-quic-on=%s:443,%s:%d", shop, addr, https),
		"--ignore-certificate-errors-spki-list=" + strings.Join(keys, ",")}
	page := b.Steer(t)
	for i, url := range []string{"https://" + shop + "/connection", fmt.Sprintf("https://%s:%d/connection", addr, https)} {
		page.Visit(t, url, "")
		var text string
		page.Evaluate(t, "document.body.innerText", &text)
		if !strings.Contains(text, "HTTP/3.0") || s.over("HTTP/3.0", "/connection") != i+1 {
			t.Errorf("%s says:\n%s", url, text)
		}
	}
}

// Firefox has an implementation of its own (neqo). It finds HTTP/3 by Alt-Svc, as visitors' browsers do.
func TestFirefoxFindsHTTP3ByItself(t *testing.T) {
	t.Parallel()
	rig.Need(t, "firefox-esr", "certutil")
	s := startQUIC(t, "localhost")
	f := s.firefox(t)
	url := fmt.Sprintf("https://localhost:%d/connection", s.port)
	var source string
	rig.Eventually(t, 60*time.Second, "HTTP/3 in Firefox", func() bool {
		var refusal string
		if source, refusal = f.open(t, url); refusal != "" {
			t.Fatal(refusal)
		}
		return strings.Contains(source, "HTTP/3.0")
	})
	if s.over("HTTP/2.0", "/connection") == 0 {
		t.Error("the first visit was not over HTTP/2")
	}
	f.picture(t, artifact(t, "connection-http3-firefox.png"))
}

// A firewall that drops UDP 443 is common. Browsers are offered HTTP/3 and do not get it.
func TestUDPThatIsDroppedHarmsNobody(t *testing.T) {
	t.Parallel()
	rig.Need(t, "firefox-esr", "certutil")
	s := startQUIC(t, "localhost")
	outside, dropped := throughAFirewall(t, s.port)
	f := s.firefox(t)
	url := fmt.Sprintf("https://localhost:%d/connection", outside)
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(200 * time.Millisecond) {
		visit := time.Now()
		source, refusal := f.open(t, url)
		if refusal != "" || !strings.Contains(source, "HTTP/2.0") {
			t.Fatalf("a visit ends with %q:\n%s", refusal, source)
		}
		if took := time.Since(visit); took > 5*time.Second {
			t.Errorf("a visit took %s", took)
		}
	}
	if dropped.Load() == 0 {
		t.Error("Firefox did not try HTTP/3, so this tells nothing")
	}
	t.Logf("%d datagrams dropped, %d pages over HTTP/2", dropped.Load(), s.over("HTTP/2.0", "/connection"))
}

// Helpers

// spki names a certificate's key as Chromium's flag does.
func spki(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// firefox trusts the site's CA, and does not mind that it is none of Mozilla's.
func (s quicSite) firefox(t *testing.T) *firefox {
	t.Helper()
	home := t.TempDir()
	profile, marionette := newProfile(t, home)
	prefs := filepath.Join(profile, "user.js")
	rig.Write(t, prefs, append(rig.Read(t, prefs), `user_pref("network.http.http3.disable_when_third_party_roots_found", false);
user_pref("network.dns.localDomains", "localhost");
`...), 0o600)
	for _, args := range [][]string{{"-N", "--empty-password", "-d", "sql:" + profile},
		{"-A", "-d", "sql:" + profile, "-t", "C,,", "-n", "root of the tests", "-i", s.root}} {
		got := rig.Spawn(t, rig.Command{Path: rig.Need(t, "certutil"), Args: args}).Finish(t, 20*time.Second)
		if got.ExitCode != 0 {
			t.Fatalf("certutil: %s", got.Stderr)
		}
	}
	return startFirefox(t, home, profile, marionette)
}

// throughAFirewall returns another port of localhost that leads to the site's, in TCP alone, and how many datagrams it
// has dropped.
func throughAFirewall(t *testing.T, site int) (port int, dropped *atomic.Int64) {
	t.Helper()
	port, dropped = rig.Port(t), &atomic.Int64{}
	for _, host := range []string{"127.0.0.1", "::1"} {
		addr := net.JoinHostPort(host, strconv.Itoa(port))
		udp, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue // no IPv6
		}
		t.Cleanup(func() { udp.Close() })
		go func() {
			for b := make([]byte, 2048); ; dropped.Add(1) {
				if _, _, err := udp.ReadFrom(b); err != nil {
					return
				}
			}
		}()
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				in, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer in.Close()
					out, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(site)))
					if err != nil {
						return
					}
					defer out.Close()
					go func() { io.Copy(out, in); out.Close() }()
					io.Copy(in, out)
				}()
			}
		}()
	}
	return port, dropped
}
