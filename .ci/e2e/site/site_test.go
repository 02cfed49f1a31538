// Package site measures the site in production with well-known tools: its headers, pages, TLS and HTTP/2. Its
// certificate is of a test CA. Each test has a limit and a row in one table, artifacts/site.txt. A missing tool is a
// failure.
package site

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

const shop = "shop.example.test"

func TestMain(m *testing.M) { rig.Main(m) }

// Helpers

// site is a running server for shop with a certificate of Pebble.
type site struct {
	https, http int
	pebble      *rig.Pebble
	root        string // the file with Pebble's root
}

func serve(t *testing.T) site {
	t.Helper()
	s := site{https: rig.Port(t), http: rig.Port(t), root: filepath.Join(t.TempDir(), "root.pem")}
	s.pebble = rig.StartPebble(t, rig.PebbleOptions{TLSPort: s.https, HTTPPort: s.http})
	rig.Start(t, t.TempDir(), rig.Env{
		"ENV": "prod", "DOMAINS": shop, "HTTPS_ADDR": rig.Loopback(s.https), "HTTP_ADDR": rig.Loopback(s.http),
		"ACME_DIRECTORY": s.pebble.Directory, "ACME_CA_FILE": s.pebble.CAFile, "ACME_CACHE": t.TempDir(),
	})
	rig.Write(t, s.root, s.pebble.RootPEM(t), 0o644)
	client := rig.Visitor(s.pebble.Roots(t))
	rig.Eventually(t, 20*time.Second, "the first page", func() bool {
		answer, err := rig.Try(client, rig.Request{URL: s.at("/")})
		return err == nil && answer.StatusCode == 200
	})
	return s
}

// at returns the URL of a path, with the product's port.
func (s site) at(path string) string { return fmt.Sprintf("https://%s:%d%s", shop, s.https, path) }

// sites maps the site's usual ports to the product's.
func (s site) sites() rig.Sites {
	return rig.Sites{shop + ":443": rig.Loopback(s.https), shop + ":80": rig.Loopback(s.http)}
}

// must finds a program of a Debian package.
func must(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := rig.Find(program)
	if err != nil {
		t.Fatalf("%s is missing; install the package %s", program, pkg)
	}
	return path
}

// chromium finds the site at its usual ports and trusts root.
func chromium(t *testing.T, sites rig.Sites, root string) rig.Chromium {
	t.Helper()
	c := rig.Chromium{Path: must(t, "chromium", "chromium"), Home: t.TempDir(), Sites: sites}
	c.Trust(t, must(t, "certutil", "libnss3-tools"), root)
	return c
}
