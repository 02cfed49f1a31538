package acme

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// The doctor examines a site in production. With Pebble's CA given, nothing is wrong. Without it, the only fault is
// that browsers do not trust Pebble.
func TestDoctorFindsNothingWrongWithAProductionSite(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http})
	rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": shop}))
	waitReady(t, p.plain("127.0.0.1", "/readyz"))
	state, err := rig.Handshake(rig.Loopback(p.https), &tls.Config{ServerName: shop, RootCAs: pebble.Roots(t)})
	if err != nil {
		t.Fatal(err)
	}
	issuer := filepath.Join(t.TempDir(), "issuer.pem")
	rig.Write(t, issuer, pebble.Intermediate(t), 0o644)

	doctor := func(args ...string) (exit int, r report) {
		args = append([]string{"--json", "--address", "127.0.0.1", "--http-port", fmt.Sprint(p.http), p.secure(shop, "")}, args...)
		result := rig.RunDoctor(t, t.TempDir(), rig.Env{}, args...)
		if err := json.Unmarshal([]byte(result.Stdout), &r); err != nil {
			t.Fatalf("%v: exit status %d\n%s%s", err, result.ExitCode, result.Stdout, result.Stderr)
		}
		return result.ExitCode, r
	}

	exit, r := doctor("--ca", issuer)
	if exit != 0 || !r.OK || r.Certificate.Serial != fmt.Sprintf("%x", state.PeerCertificates[0].SerialNumber) {
		t.Errorf("exit status %d: %+v", exit, r)
	}
	for _, want := range []string{"redirects redirect", "certificate names", "certificate validity", "certificate chain", "protocol tls1.3",
		"protocol tls1.0", "protocol resumption", "headers page", "headers hsts", "challenge http-01"} {
		if got := r.status(want); got != "ok" {
			t.Errorf("%s = %q, want ok", want, got)
		}
	}
	if exit, r := doctor(); exit != 1 || r.count("wrong") != 1 || r.status("certificate trust") != "wrong" {
		t.Errorf("exit status %d: %+v", exit, r)
	}
}

// A site without a name is examined by its address. Neither the missing HSTS nor the six days of its certificate are a
// fault.
func TestDoctorFindsNothingWrongWithAnAddress(t *testing.T) {
	t.Parallel()
	p := newPorts(t)
	pebble := rig.StartPebble(t, rig.PebbleOptions{TLSPort: p.https, HTTPPort: p.http,
		Profiles: map[string]time.Duration{"classic": 90 * 24 * time.Hour, "shortlived": 160 * time.Hour}})
	rig.Start(t, t.TempDir(), p.env().With(from(pebble, t.TempDir())).With(rig.Env{"DOMAINS": "127.0.0.1"}))
	waitReady(t, p.plain("127.0.0.1", "/readyz"))
	issuer := filepath.Join(t.TempDir(), "issuer.pem")
	rig.Write(t, issuer, pebble.Intermediate(t), 0o644)
	result := rig.RunDoctor(t, t.TempDir(), rig.Env{}, "--json", "--http-port", fmt.Sprint(p.http), "--ca", issuer,
		p.secure("127.0.0.1", ""))
	var r report
	if err := json.Unmarshal([]byte(result.Stdout), &r); err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 0 || !r.OK || r.count("wrong") != 0 || r.status("certificate validity") != "ok" ||
		r.status("certificate lifetime") != "ok" || r.status("challenge http-01") != "ok" ||
		r.status("headers hsts") != "skipped" {
		t.Errorf("exit status %d: %s", result.ExitCode, result.Stdout)
	}
}

// Helpers

// report is what the doctor prints.
type report struct {
	OK          bool
	Certificate struct{ Serial string }
	Checks      []struct{ Group, Check, Status, Found, Fix string }
}

func (r report) status(name string) string {
	for _, c := range r.Checks {
		if c.Group+" "+c.Check == name {
			return c.Status
		}
	}
	return ""
}

func (r report) count(status string) (n int) {
	for _, c := range r.Checks {
		if c.Status == status {
			n++
		}
	}
	return n
}
