//go:build linux

// Package windows runs the programs that Go builds for Windows, under Wine, as a developer on Windows would: the first
// run in a folder whose path has spaces, settings as Notepad saves them, paths with drive letters, Ctrl-C, edits under
// scripts/dev, and what `make trust` and `make doctor` find in the user's store of roots.
//
// Wine shows what the programs ask of Windows, and not all that Windows answers. It does not show: the dialog that asks
// before a root is trusted, and certutil (Wine's ends with 0 and does nothing: a program of testdata adds the root), Go's
// own tools (scripts/dev has those of Linux build for Windows), the rights of files (Wine keeps those of Linux), the
// firewall's question at the first start, a file that cannot be replaced while another program reads it, and a closed
// console window or a logoff. CI's job systems runs the tests of the packages on a real Windows.
package windows

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// The stories share one Windows, because it takes ten seconds to make. They go one after the other: a developer's day.
func TestProgramsOfWindows(t *testing.T) {
	w := boot(t)
	dir := filepath.Join(t.TempDir(), "My Projects", "first site (copy)")
	t.Run("site", func(t *testing.T) { develop(t, w, dir) })
	t.Run("faults", func(t *testing.T) { refuse(t, w) })
	t.Run("files", func(t *testing.T) { deploy(t, w) })
	t.Run("trust", func(t *testing.T) { trust(t, w, dir) })
	t.Run("dev", func(t *testing.T) { edit(t, w) })
	if w.clean == 0 {
		t.Error("Ctrl-C has ended none of four programs as it should")
	}
}

// A developer starts the site for the first time, looks at it, stops it, and starts it again.
func develop(t *testing.T, w *wine, dir string) {
	https, http := rig.Port(t), rig.Port(t)
	notepad(t, dir, fmt.Sprintf("# the first site\nHTTPS_ADDR=localhost:%d\nHTTP_ADDR=localhost:%d\n", https, http))
	first := w.serve(t, dir)
	for _, want := range []string{`made in C:\users\`, `AppData\Local\turnkey`, `made certs\cert.pem and certs\key.pem`} {
		if !strings.Contains(first.Stdout(), want) {
			t.Errorf("the first run does not say %q:\n%s", want, first.Stdout())
		}
	}
	cert := rig.Read(t, filepath.Join(dir, "certs", "cert.pem"))
	pool := rig.Pool(t, rig.Read(t, filepath.Join(dir, "certs", "ca.pem")))
	look := func() {
		t.Helper()
		page := rig.Get(t, rig.Visitor(pool), fmt.Sprintf("https://localhost:%d/", https))
		if page.StatusCode != 200 || page.Proto != "HTTP/2.0" || !strings.Contains(page.Body, "</html>") {
			t.Errorf("the page is %s %s:\n%s", page.Proto, page.Status, page.Body)
		}
	}
	look()
	moved := rig.Get(t, rig.Visitor(nil), fmt.Sprintf("http://localhost:%d/a?b", http))
	if want := fmt.Sprintf("https://localhost:%d/a?b", https); moved.StatusCode != 307 || moved.Header.Get("Location") != want {
		t.Errorf("plain http got %s to %q, want 307 to %q", moved.Status, moved.Header.Get("Location"), want)
	}
	if health := w.run(t, dir, nil, "app", "healthcheck"); health.ExitCode != 0 {
		t.Errorf("healthcheck of the running site: %+v", health)
	}
	if other := w.run(t, dir, nil, "app"); other.ExitCode != 1 || !strings.Contains(other.Stderr, "the port is in use by another program") {
		t.Errorf("a second server on the same ports: %+v", other)
	}
	w.interrupt(t, first)

	begun := w.serve(t, dir)
	look()
	if after := rig.Read(t, filepath.Join(dir, "certs", "cert.pem")); !bytes.Equal(after, cert) || strings.Contains(begun.Stdout(), "made") {
		t.Errorf("the second start made a certificate again:\n%s", begun.Stdout())
	}
	w.interrupt(t, begun)
	if check := w.run(t, dir, nil, "app", "check"); check.ExitCode != 0 || !strings.Contains(check.Stdout, "everything is in order") {
		t.Errorf("check: %+v", check)
	}
}

// Every wrong setting is named at once, and nothing is started.
func refuse(t *testing.T, w *wine) {
	dir := t.TempDir()
	for _, command := range [][]string{nil, {"check"}} {
		got := w.run(t, dir, rig.Env{"ENV": "production", "HTTPS_ADDR": "8443"}, "app", command...)
		for _, want := range []string{`ENV="production"`, "dev, prod", `HTTPS_ADDR="8443"`} {
			if got.ExitCode != 1 || !strings.Contains(got.Stderr, want) {
				t.Errorf("%v ended with %d and does not say %q:\n%s", command, got.ExitCode, want, got.Stderr)
			}
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("it left %v, %v", files, err)
	}
}

// An operator gives a certificate by paths with drive letters, and renews it under the running server.
func deploy(t *testing.T, w *wine) {
	const host = "shop.example.test"
	dir, https := t.TempDir(), rig.Port(t)
	certFile, keyFile := w.c("new certs", "cert.pem"), w.c("new certs", "key.pem")
	ca := rig.NewCA(t, "files")
	pair := ca.Issue(t, rig.Leaf{Names: []string{host}})
	pair.Write(t, certFile, keyFile)
	settings := func(cert string) string {
		return fmt.Sprintf("ENV=prod\nDOMAINS=%s\nHTTPS_ADDR=127.0.0.1:%d\nHTTP_ADDR=off\nTLS_MODE=files\nTLS_CERT_FILE=%s\nTLS_KEY_FILE=%s\n",
			host, https, cert, z(keyFile))
	}

	notepad(t, dir, settings(`"C:\new certs\cert.pem"`)) // a \n there is a line break, as in Node's dotenv
	got := w.run(t, dir, nil, "app", "check")
	for _, want := range []string{`TLS_CERT_FILE="C:`, `in double quotes \n and \r are line breaks`} {
		if got.ExitCode != 1 || !strings.Contains(got.Stderr, want) {
			t.Errorf("check ended with %d and does not say %q:\n%s", got.ExitCode, want, got.Stderr)
		}
	}

	notepad(t, dir, settings(`C:\new certs\cert.pem`))
	server := w.serve(t, dir)
	served := func() string {
		t.Helper()
		answer := rig.Get(t, rig.Visitor(ca.Pool()), fmt.Sprintf("https://%s:%d/", host, https))
		if answer.StatusCode != 200 || answer.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("the page is %s with %v", answer.Status, answer.Header)
		}
		return answer.TLS.PeerCertificates[0].SerialNumber.String()
	}
	if got, want := served(), pair.Leaf.SerialNumber.String(); got != want {
		t.Errorf("it serves the certificate %s, want %s", got, want)
	}
	next := ca.Issue(t, rig.Leaf{Names: []string{host}})
	next.Write(t, certFile, keyFile)
	rig.Eventually(t, runTime, "the renewed certificate", func() bool { return served() == next.Leaf.SerialNumber.String() })
	w.interrupt(t, server)
}

// Helpers

// notepad saves .env as Notepad may: with a byte order mark, and with CRLF.
func notepad(t *testing.T, dir, text string) {
	t.Helper()
	rig.Write(t, filepath.Join(dir, ".env"), []byte("\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")), 0o644)
}
