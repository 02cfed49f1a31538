// Package acme tests, with Go alone, everything that the product promises without a browser or a proxy in front:
// certificates from an ACME server, from files and from its own development CA, and how it starts and stops.
package acme

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

const (
	shop = "shop.example.test"
	blog = "blog.example.test"
)

func TestMain(m *testing.M) { rig.Main(m) }

// Helpers

// acmeTime is how long an order may take here, where other tests keep the machine busy.
const acmeTime = 20 * time.Second

// ports are the two of a site.
type ports struct{ https, http int }

func newPorts(t *testing.T) ports { return ports{rig.Port(t), rig.Port(t)} }

// secure is the https URL of a path.
func (p ports) secure(host, path string) string {
	return fmt.Sprintf("https://%s:%d%s", host, p.https, path)
}

// plain is the http URL of a path.
func (p ports) plain(host, path string) string {
	return fmt.Sprintf("http://%s:%d%s", host, p.http, path)
}

// env opens both ports in production.
func (p ports) env() rig.Env {
	return rig.Env{"ENV": "prod", "HTTPS_ADDR": rig.Loopback(p.https), "HTTP_ADDR": rig.Loopback(p.http)}
}

// from are the settings of a site that gets its certificates from pebble and keeps them in cache.
func from(pebble *rig.Pebble, cache string) rig.Env {
	return rig.Env{"ACME_DIRECTORY": pebble.Directory, "ACME_CA_FILE": pebble.CAFile, "ACME_CACHE": cache}
}

// waitReady waits until /readyz says 200.
func waitReady(t *testing.T, url string) {
	t.Helper()
	rig.Eventually(t, acmeTime, url+" says ready", func() bool {
		answer, err := rig.Try(stranger(), rig.Request{URL: url})
		return err == nil && answer.StatusCode == http.StatusOK
	})
}

// stranger is a client that accepts every certificate, as load balancers' probes do.
func stranger() *http.Client { return rig.VisitorWith(&tls.Config{InsecureSkipVerify: true}) }

// verified completes a handshake for host and verifies the chain as browsers do.
func verified(addr, host string, roots *x509.CertPool) (tls.ConnectionState, error) {
	return rig.Handshake(addr, &tls.Config{ServerName: host, RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}})
}

// files are the names of all files below dir, with their modes.
func files(t *testing.T, dir string) map[string]os.FileMode {
	t.Helper()
	modes := map[string]os.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		modes[name] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return modes
}
