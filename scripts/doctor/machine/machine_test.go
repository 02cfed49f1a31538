package machine

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/scripts/doctor/report"
	"example.com/turnkey/scripts/internal/settings"
	"example.com/turnkey/scripts/internal/truststore"
	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/localca"
)

// TestMain makes the test binary an Executable for what the doctor starts.
func TestMain(m *testing.M) {
	truststore.ServeVerify(os.Args, os.Stdin)
	os.Exit(m.Run())
}

func TestHealthy(t *testing.T) {
	c := newClone(t)
	c.ensure(t)
	c.examine(t, "ca")
	for _, name := range []string{"ca", "certificate", "names", "key", "clock", "https", "http", "resolve"} {
		if got := c.found(name); got.State != report.OK {
			t.Errorf("%+v", got)
		}
	}
}

func TestWrong(t *testing.T) {
	for _, test := range []struct {
		name, check string
		spoil       func(t *testing.T, c *clone)
		found, fix  string
	}{
		{"nothing yet", "ca", func(t *testing.T, c *clone) {
			c.remove(t, "issuer.pem", "root.pem")
		}, "there is none yet", "make dev"},
		{"damaged CA", "ca", func(t *testing.T, c *clone) {
			c.write(t, filepath.Join(c.ca, "issuer.pem"), "nonsense")
		}, "holds no PEM certificate", "make dev makes a new one; then: make trust"},
		{"open CA key", "ca", func(t *testing.T, c *clone) {
			c.chmod(t, filepath.Join(c.ca, "issuer.pem"))
		}, "mode 0644", "chmod 600"},
		{"no certificate", "certificate", func(t *testing.T, c *clone) {
			c.remove(t, c.doctor.site.CertFile, c.doctor.site.KeyFile)
		}, "there is none yet", "make dev"},
		{"half a pair", "certificate", func(t *testing.T, c *clone) {
			c.write(t, c.doctor.site.KeyFile, "nonsense")
		}, "are no pair", "make dev"},
		{"an intermediate cut off", "certificate", func(t *testing.T, c *clone) {
			data, err := os.ReadFile(c.doctor.site.CertFile)
			if err != nil {
				t.Fatal(err)
			}
			c.write(t, c.doctor.site.CertFile, string(data[:len(data)-40]))
		}, "block 2 cannot be read: it is cut off", "make dev"},
		{"another CA", "certificate", func(t *testing.T, c *clone) {
			c.remove(t, "issuer.pem", "root.pem")
			if _, _, err := localca.Open(c.ca); err != nil {
				t.Fatal(err)
			}
		}, "another development CA", "make dev"},
		{"late", "certificate", func(t *testing.T, c *clone) {
			c.doctor.now = time.Now().Add(70 * 24 * time.Hour)
		}, "it expires on", "within the hour"},
		{"early", "certificate", func(t *testing.T, c *clone) {
			c.doctor.now = time.Now().Add(-48 * time.Hour)
		}, "not valid yet", "the clock"},
		{"slow clock", "clock", func(t *testing.T, c *clone) {
			c.doctor.now = time.Now().Add(-time.Hour)
		}, "was written on", "set-ntp"},
		{"new name", "names", func(t *testing.T, c *clone) {
			c.doctor.site.Domains = []string{"shop.test"}
		}, "not for shop.test", "make dev"},
		{"open key", "key", func(t *testing.T, c *clone) {
			c.chmod(t, c.doctor.site.KeyFile)
		}, "mode 0644", "chmod 600"},
		{"tracked key", "git", func(t *testing.T, c *clone) {
			for _, args := range [][]string{{"init", "-q"}, {"add", "-f", c.doctor.site.KeyFile}} {
				if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
					t.Skipf("git: %v: %s", err, out)
				}
			}
		}, "git tracks certs", "git rm --cached"},
		{"name that leads away", "resolve", func(t *testing.T, c *clone) {
			c.doctor.lookup = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
		}, "leads to 192.0.2.1", "hosts file"},
		{"taken port", "https", func(t *testing.T, c *clone) {
			c.listen(t, c.doctor.site.HTTPSAddr, nil)
		}, "is held by", "HTTPS_ADDR"},
		{"taken plain port", "http", func(t *testing.T, c *clone) {
			c.listen(t, c.doctor.site.HTTPAddr, nil)
		}, "is held by", "HTTP_ADDR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClone(t)
			c.ensure(t)
			test.spoil(t, c)
			got := c.examine(t, test.check)
			if got.State != report.Wrong || !strings.Contains(got.Found, test.found) || !strings.Contains(got.Fix, test.fix) {
				t.Errorf("got %+v, want %q and %q", got, test.found, test.fix)
			}
		})
	}
}

// The development CA signed none of these pairs, so each pair has a second fault. The test accepts either fault.
func TestEveryBadPairIsWrong(t *testing.T) {
	c := newClone(t)
	c.ensure(t)
	c.examine(t, "certificate") // opens the CA; the stores and ports need no look for each row
	authority := chaintest.New(t, "localhost")
	for _, row := range chaintest.Bad() {
		certPEM, keyPEM := row.Pair(authority)
		c.write(t, c.doctor.site.CertFile, string(certPEM))
		c.write(t, c.doctor.site.KeyFile, string(keyPEM))
		c.doctor.Found = nil
		c.doctor.certificate()
		if got := c.found("certificate"); got.State != report.Wrong || got.Fix == "" {
			t.Errorf("%s: got %+v", row.Name, got)
		}
	}
}

func TestServer(t *testing.T) {
	c := newClone(t)
	c.ensure(t)
	pair, err := tls.LoadX509KeyPair(c.doctor.site.CertFile, c.doctor.site.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	c.listen(t, c.doctor.site.HTTPSAddr, &tls.Config{Certificates: []tls.Certificate{pair}})
	ln, err := net.Listen("tcp", c.doctor.site.HTTPAddr)
	if err != nil {
		t.Fatal(err)
	}
	plain := &http.Server{Handler: http.RedirectHandler("https://"+c.doctor.site.HTTPSAddr+"/", http.StatusTemporaryRedirect)}
	go plain.Serve(ln)
	t.Cleanup(func() { plain.Close() })

	if got := c.examine(t, "https"); got.State != report.OK || !strings.Contains(got.Found, "with this certificate") {
		t.Errorf("%+v", got)
	}
	if got := c.examine(t, "http"); got.State != report.OK || !strings.Contains(got.Found, "leads to HTTPS") {
		t.Errorf("%+v", got)
	}
	c.remove(t, "issuer.pem", "root.pem")
	if _, _, err := localca.Open(c.ca); err != nil {
		t.Fatal(err)
	}
	if got := c.examine(t, "https"); got.State != report.Wrong || !strings.Contains(got.Found, "did not sign") {
		t.Errorf("the server of an older CA: %+v", got)
	}
}

// A busy port is no fault if no setting names it.
func TestMovedServer(t *testing.T) {
	c := newClone(t)
	c.ensure(t)
	pair, err := tls.LoadX509KeyPair(c.doctor.site.CertFile, c.doctor.site.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	c.doctor.site.HTTPSMoves, c.doctor.site.HTTPMoves = true, true
	c.listen(t, c.doctor.site.HTTPSAddr, nil)
	c.listen(t, c.doctor.site.HTTPAddr, nil)
	for _, name := range []string{"https", "http"} {
		if got := c.examine(t, name); got.State != report.Note || !strings.Contains(got.Found, "takes the next one") {
			t.Errorf("%+v", got)
		}
	}
	moved := ""
	for _, addr := range candidates(c.doctor.site.HTTPSAddr, true)[1:] {
		if ln, err := net.Listen("tcp", addr); err == nil {
			ln.Close()
			moved = addr
			break
		}
	}
	c.listen(t, moved, &tls.Config{Certificates: []tls.Certificate{pair}})
	if got := c.examine(t, "https"); got.State != report.OK || !strings.Contains(got.Found, "runs on "+moved) {
		t.Errorf("%+v", got)
	}
}

// A store that cannot be read is no fault. The missing tool is one.
func TestStores(t *testing.T) {
	c := newClone(t)
	c.ensure(t)
	t.Setenv("PATH", t.TempDir())
	if got := c.examine(t, "certutil"); got.State != report.Wrong || !strings.Contains(got.Fix, "make trust") {
		t.Errorf("%+v", got)
	}
	if got := c.examine(t, "store"); got.State != report.Note {
		t.Errorf("%+v", got)
	}
}

// Helpers

// clone is a project on its own Linux machine, with ports that no other program uses.
type clone struct {
	doctor   *doctor
	home, ca string
}

func TestEverySettingThatIsNotUnderstoodIsWrong(t *testing.T) {
	c := newClone(t)
	env := map[string]string{"HTTPS_ADDR": "8443", "DOMAINS": "https://shop.test", "HTTP_ADDR": free(t)}
	c.doctor.site = settings.Load(func(name string) string { return env[name] })
	c.doctor.examine(t.Context())
	found := map[string]string{}
	for _, f := range c.doctor.Found {
		if f.Name == "settings" && f.State == report.Wrong {
			found[f.Found] = f.Fix
		}
	}
	for _, want := range []string{`HTTPS_ADDR="8443": is not an address`, `DOMAINS="https://shop.test": is not a host name`} {
		if found[want] == "" {
			t.Errorf("%q is not found, or without a fix: %q", want, found)
		}
	}
}

func newClone(t *testing.T) *clone {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	c := &clone{home: t.TempDir()}
	env := map[string]string{"HOME": c.home, "LocalAppData": c.home, "HTTPS_ADDR": free(t), "HTTP_ADDR": free(t)}
	getenv := func(name string) string { return env[name] }
	if c.ca, err = localca.Dir(getenv); err != nil {
		t.Fatal(err)
	}
	c.doctor = &doctor{
		host: &truststore.Host{OS: "linux", UID: 1000, Executable: exe, Getenv: getenv},
		site: settings.Load(getenv), now: time.Now(),
		lookup: func(context.Context, string) ([]string, error) { return []string{"127.0.0.1", "::1"}, nil },
	}
	return c
}

func (c *clone) ensure(t *testing.T) {
	t.Helper()
	_, err := localca.Ensure(localca.Request{CertFile: c.doctor.site.CertFile, KeyFile: c.doctor.site.KeyFile, CADir: c.ca,
		Names: localca.Names(c.doctor.site.Project, nil)})
	if err != nil {
		t.Fatal(err)
	}
}

// examine examines the machine anew, and returns what found returns.
func (c *clone) examine(t *testing.T, name string) report.Finding {
	t.Helper()
	c.doctor.Found, c.doctor.ca, c.doctor.root = nil, nil, nil
	c.doctor.examine(t.Context())
	return c.found(name)
}

// found returns the first finding of a check, and prefers one with a fault.
func (c *clone) found(name string) (found report.Finding) {
	for _, got := range c.doctor.Found {
		if got.Name == name && (found.Name == "" || got.State == report.Wrong && found.State != report.Wrong) {
			found = got
		}
	}
	return found
}

func (c *clone) remove(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		if !strings.Contains(file, "certs") {
			file = filepath.Join(c.ca, file)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *clone) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *clone) chmod(t *testing.T, file string) {
	t.Helper()
	if filepath.Separator != '/' {
		t.Skip("files have no such modes here")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
}

// listen holds a port until the test ends. With a config it also does TLS handshakes.
func (c *clone) listen(t *testing.T, addr string, config *tls.Config) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if config != nil {
				go tls.Server(conn, config).Handshake()
			} else {
				conn.Close()
			}
		}
	}()
}

// free returns an address on which no program listens.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
