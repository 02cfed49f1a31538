package acme

import (
	"bytes"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// The first start of a fresh clone makes a CA and a certificate. The second start finds both.
func TestDevelopmentServesATrustedSite(t *testing.T) {
	t.Parallel()
	dir, home := t.TempDir(), t.TempDir()
	p := newPorts(t)
	env := rig.Env{"HOME": home, "HTTPS_ADDR": fmt.Sprintf("localhost:%d", p.https), "HTTP_ADDR": fmt.Sprintf("localhost:%d", p.http)}

	site := rig.Start(t, dir, env)
	rig.Eventually(t, 5*time.Second, "where to go", func() bool { return strings.Contains(site.Stdout(), p.secure("localhost", "")) })
	for _, want := range []string{filepath.Join("certs", "cert.pem"), filepath.Join("certs", "key.pem"), "port " + fmt.Sprint(p.http)} {
		if !strings.Contains(site.Stdout(), want) {
			t.Errorf("the first run does not tell of %s:\n%s", want, site.Stdout())
		}
	}
	if got := files(t, dir)[filepath.Join("certs", "key.pem")].Perm(); got != 0o600 {
		t.Errorf("mode of the key = %o, want 600", got)
	}
	if got := files(t, dir)["certs"].Perm(); got != 0o700 {
		t.Errorf("mode of certs = %o, want 700", got)
	}

	// A client that trusts the root trusts the site, under every name of this machine.
	roots := rig.Pool(t, rig.Read(t, filepath.Join(dir, "certs", "ca.pem")))
	visitor := rig.Visitor(roots)
	for _, host := range []string{"localhost", "127.0.0.1", rig.Project(t) + ".localhost"} {
		got := rig.Get(t, visitor, p.secure(host, "/connection"))
		if got.StatusCode != http.StatusOK || got.ProtoMajor != 2 || !strings.Contains(got.Body, "This connection is private.") {
			t.Errorf("https://%s = %s over %s: %q", host, got.Status, got.Proto, got.Body)
		}
		want := "max-age=0" // other projects have this name too
		if host == "127.0.0.1" {
			want = "" // browsers keep no rule for an address (RFC 6797 §8.1.1)
		}
		if hsts := got.Header.Get("Strict-Transport-Security"); hsts != want {
			t.Errorf("Strict-Transport-Security of %s = %q, want %q", host, hsts, want)
		}
	}
	if _, err := rig.Try(rig.Visitor(nil), rig.Request{URL: p.secure("localhost", "/")}); err == nil {
		t.Error("a client that does not trust the root was content")
	}
	if hasIPv6() {
		for _, port := range []int{p.https, p.http} {
			conn, err := net.Dial("tcp", fmt.Sprintf("[::1]:%d", port))
			if err != nil {
				t.Errorf("localhost is not on ::1: %v", err)
				continue
			}
			conn.Close()
		}
	}

	redirect := rig.Get(t, visitor, p.plain("localhost", "/a/b?c=d&e=%20f"))
	if got, want := redirect.Header.Get("Location"), p.secure("localhost", "/a/b?c=d&e=%20f"); redirect.StatusCode != http.StatusTemporaryRedirect || got != want {
		t.Errorf("plain http = %d to %q, want 307 to %q", redirect.StatusCode, got, want)
	}

	// The second start finds everything in place.
	before, homeBefore := contents(t, dir), contents(t, home)
	site.Signal(t, syscall.SIGINT)
	if got := site.ExitCode(t, 5*time.Second); got != 0 {
		t.Errorf("exit status after Ctrl-C = %d, want 0", got)
	}
	second := rig.Start(t, dir, env)
	if got := rig.Get(t, visitor, p.secure("localhost", "/")); got.StatusCode != http.StatusOK {
		t.Errorf("the page after the second start = %s", got.Status)
	}
	if after := contents(t, dir); !maps.EqualFunc(before, after, bytes.Equal) {
		t.Error("the second start changed files of the project")
	}
	if after := contents(t, home); !maps.EqualFunc(homeBefore, after, bytes.Equal) {
		t.Error("the second start changed files of the user")
	}
	if strings.Contains(second.Stdout(), "made") {
		t.Errorf("the second start tells of something made:\n%s", second.Stdout())
	}
}

// A damaged pair is replaced at the next start. A pair that another issuer made is kept.
func TestDevelopmentCertificateIsRepaired(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	start := func(t *testing.T, dir string, env rig.Env) (*rig.Product, ports) {
		p := newPorts(t)
		return rig.Start(t, dir, rig.Env{"HOME": home, "HTTPS_ADDR": rig.Loopback(p.https), "HTTP_ADDR": "off"}.With(env)), p
	}
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"nothing is there": func(t *testing.T, dir string) { remove(t, dir+"/certs/cert.pem"); remove(t, dir+"/certs/key.pem") },
		"the key is lost":  func(t *testing.T, dir string) { remove(t, dir+"/certs/key.pem") },
		"the certificate is cut off": func(t *testing.T, dir string) {
			rig.Write(t, dir+"/certs/cert.pem", rig.Read(t, dir+"/certs/cert.pem")[:200], 0o644)
		},
		"certificate and key do not match": func(t *testing.T, dir string) {
			rig.Write(t, dir+"/certs/key.pem", rig.NewCA(t, "Other").Issue(t, rig.Leaf{}).Key, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			site, _ := start(t, dir, nil)
			site.Signal(t, syscall.SIGINT)
			site.ExitCode(t, 5*time.Second)
			spoil(t, dir)
			_, p := start(t, dir, nil)
			roots := rig.Pool(t, rig.Read(t, dir+"/certs/ca.pem"))
			if got := rig.Get(t, rig.Visitor(roots), p.secure("localhost", "/")); got.StatusCode != http.StatusOK {
				t.Errorf("the page = %s", got.Status)
			}
			if got := files(t, dir+"/certs")["key.pem"].Perm(); got != 0o600 {
				t.Errorf("mode of the key = %o, want 600", got)
			}
		})
	}
	t.Run("a name is added", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		site, _ := start(t, dir, nil)
		site.Signal(t, syscall.SIGINT)
		site.ExitCode(t, 5*time.Second)
		_, p := start(t, dir, rig.Env{"DOMAINS": "shop.test"})
		roots := rig.Pool(t, rig.Read(t, dir+"/certs/ca.pem"))
		for _, host := range []string{"shop.test", "localhost"} {
			if got := rig.Get(t, rig.Visitor(roots), p.secure(host, "/")); got.StatusCode != http.StatusOK {
				t.Errorf("https://%s = %s", host, got.Status)
			}
		}
	})
	t.Run("a pair of another CA is left alone", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		rig.NewCA(t, "Other").Issue(t, rig.Leaf{Names: []string{"localhost"}}).Write(t, dir+"/certs/cert.pem", dir+"/certs/key.pem")
		before := contents(t, dir)
		got := rig.Run(t, dir, anyPort.With(rig.Env{"HOME": home}))
		if got.ExitCode != 1 {
			t.Errorf("exit status = %d, want 1", got.ExitCode)
		}
		wantFault(t, "serve", got.Stderr, []string{`TLS_CERT_FILE="certs/cert.pem"`, "did not sign the certificate in it", "TLS_MODE=files"})
		if after := contents(t, dir); !maps.EqualFunc(before, after, bytes.Equal) {
			t.Error("files of another CA were changed")
		}
	})
}

// Other users must not be able to read the keys, even with an open umask.
func TestKeysArePrivateUnderAnyUmask(t *testing.T) {
	t.Parallel()
	sh, err := rig.Find("sh")
	if err != nil {
		t.Skip("needs a POSIX shell")
	}
	dir, home := t.TempDir(), t.TempDir()
	addr := rig.Loopback(rig.Port(t))
	site := rig.Spawn(t, rig.Command{Path: sh, Args: []string{"-c", `umask 000; exec "$0"`, rig.Binary(t)}, Dir: dir,
		Env: []string{"HOME=" + home, "HTTPS_ADDR=" + addr, "HTTP_ADDR=off"}})
	site.WaitForPort(t, addr)
	rig.Eventually(t, 5*time.Second, "the first page's address", func() bool { return strings.Contains(site.Stdout(), "➜") })
	for _, root := range []string{dir, home} {
		for name := range contents(t, root) {
			path := filepath.Join(root, name)
			if bytes.Contains(rig.Read(t, path), []byte("PRIVATE KEY")) {
				for where, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
					if info, err := os.Stat(where); err != nil || info.Mode().Perm() != want {
						t.Errorf("mode of %s = %v, %v; want %o", where, info.Mode(), err, want)
					}
				}
			}
		}
	}
}

// Helpers

// contents are all regular files below dir.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for name, mode := range files(t, dir) {
		if mode.IsRegular() {
			out[name] = rig.Read(t, filepath.Join(dir, name))
		}
	}
	return out
}

func hasIPv6() bool {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	ln.Close()
	return true
}
