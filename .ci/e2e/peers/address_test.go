package peers

import (
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// A server without a name gets certificates for its addresses and renews them at half of their life, with no other
// setting than the addresses. curl and Chromium, which send no server name for an address, trust both generations.
func TestAddressesAreTrustedAndRenewed(t *testing.T) {
	t.Parallel()
	rig.Need(t, "curl", "chromium", "certutil")
	const life = time.Minute
	for _, test := range []struct {
		name   string
		closed string // the challenge that the CA cannot use
	}{{"by tls-alpn-01", "http-01"}, {"by http-01", "tls-alpn-01"}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			https, http := rig.Port(t), rig.Port(t)
			o := rig.PebbleOptions{TLSPort: https, HTTPPort: http,
				Profiles: map[string]time.Duration{"classic": 90 * 24 * time.Hour, "shortlived": life}}
			if test.closed == "http-01" {
				o.HTTPPort = rig.Port(t)
			} else {
				o.TLSPort = rig.Port(t)
			}
			pebble := rig.StartPebble(t, o)
			addresses := rig.Loopbacks(t)
			rig.Start(t, t.TempDir(), rig.Env{"ENV": "prod", "DOMAINS": strings.Join(addresses, ","),
				"HTTPS_ADDR": fmt.Sprintf(":%d", https), "HTTP_ADDR": fmt.Sprintf(":%d", http),
				"ACME_DIRECTORY": pebble.Directory, "ACME_CA_FILE": pebble.CAFile, "ACME_CACHE": t.TempDir()})
			root := filepath.Join(t.TempDir(), "root.pem")
			rig.Write(t, root, pebble.RootPEM(t), 0o644)

			serials := map[string]string{}
			await := func(address string, timeout time.Duration) {
				t.Helper()
				at := net.JoinHostPort(address, fmt.Sprint(https))
				rig.Eventually(t, timeout, "a new certificate for "+address, func() bool {
					state, err := rig.Handshake(at, &tls.Config{ServerName: address, RootCAs: pebble.Roots(t)})
					if err != nil || state.PeerCertificates[0].SerialNumber.String() == serials[address] {
						return false
					}
					leaf := state.PeerCertificates[0]
					if got := leaf.NotAfter.Sub(leaf.NotBefore); got.Round(10*time.Second) != life {
						t.Errorf("the certificate for %s lives %s, want %s", address, got, life)
					}
					serials[address] = leaf.SerialNumber.String()
					return true
				})
				trusts(t, "https://"+at, root)
			}
			for _, address := range addresses {
				await(address, 20*time.Second)
			}
			for _, address := range addresses {
				await(address, life/2+20*time.Second)
			}
		})
	}
}

// Helpers

// trusts visits a site with curl and Chromium, which trust root alone. Neither sends a server name. Chromium keeps the
// site's kind of cookie for an address, and its forms count as the site's own.
func trusts(t *testing.T, site, root string) {
	t.Helper()
	got := rig.Spawn(t, rig.Command{Path: rig.Need(t, "curl"), Args: []string{"--silent", "--show-error", "--noproxy", "*",
		"--cacert", root, site + "/api/connection"}}).Finish(t, 10*time.Second)
	if !strings.Contains(got.Stdout, `"kind":"acme"`) || strings.Contains(got.Stdout, `"server_name"`) {
		t.Errorf("curl %s: %d %s%s", site, got.ExitCode, got.Stdout, got.Stderr)
	}
	browser := rig.Browser(t, nil, root)
	browser.Visit(t, site+"/connection", "")
	var page struct {
		Text, Cookie string
		Form         int
	}
	browser.Evaluate(t, "fetch('', {method: 'POST'}).then(r => (document.cookie = '__Host-a=b; Secure; Path=/', "+
		"{text: document.body.innerText, cookie: document.cookie, form: r.status}))", &page)
	if !strings.Contains(page.Text, private) || !strings.Contains(page.Text, "It named no host") ||
		page.Cookie != "__Host-a=b" || page.Form != 405 {
		t.Errorf("Chromium at %s shows the cookie %q, and %d for a form:\n%s", site, page.Cookie, page.Form, page.Text)
	}
}
