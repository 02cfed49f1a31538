package acme

import (
	"crypto/sha256"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// After readiness fails, load balancers get time to stop sending requests before the ports close.
func TestReadinessFailsBeforeThePortsClose(t *testing.T) {
	t.Parallel()
	site, p := newSite(t, rig.Env{"SHUTDOWN_GRACE": "10s"})
	urls := []string{p.plain("127.0.0.1", "/readyz"), p.secure("127.0.0.1", "/readyz")}
	for _, url := range urls {
		waitReady(t, url)
	}

	start := time.Now()
	site.Signal(t, syscall.SIGTERM)
	answers := map[string][]string{}
	rig.Eventually(t, 5*time.Second, "both ports to close", func() bool {
		closed := 0
		for _, url := range urls {
			last := "refused"
			if got, err := rig.Try(stranger(), rig.Request{URL: url}); err == nil {
				last = got.Status[:3]
			} else {
				closed++
			}
			if seen := answers[url]; len(seen) == 0 || seen[len(seen)-1] != last {
				answers[url] = append(seen, last)
			}
		}
		return closed == len(urls)
	})
	for _, url := range urls {
		got := strings.TrimPrefix(strings.Join(answers[url], " "), "200 ") // the signal needs time to arrive
		if want := "503 refused"; got != want {
			t.Errorf("%s after SIGTERM: %s, want %s", url, got, want)
		}
	}
	if took := time.Since(start); took < 500*time.Millisecond {
		t.Errorf("the ports closed after %s; no load balancer asks that often", took)
	}
	if got := site.ExitCode(t, 5*time.Second); got != 0 {
		t.Errorf("exit status = %d, want 0", got)
	}
}

func TestSignalsStopTheServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"SIGTERM", syscall.SIGTERM},
		{"SIGINT", syscall.SIGINT},
	} {
		t.Run(test.name+" stops the server with status 0", func(t *testing.T) {
			t.Parallel()
			site, _ := newSite(t, rig.Env{"SHUTDOWN_GRACE": "2s"})
			site.Signal(t, test.signal)
			if got := site.ExitCode(t, 5*time.Second); got != 0 {
				t.Errorf("exit status = %d, want 0", got)
			}
		})
		t.Run("a second "+test.name+" stops it at once", func(t *testing.T) {
			t.Parallel()
			site, p := newSite(t, rig.Env{"SHUTDOWN_GRACE": "60s"})
			site.Signal(t, test.signal)
			rig.Eventually(t, 5*time.Second, "readiness to fall", func() bool {
				got, err := rig.Try(stranger(), rig.Request{URL: p.plain("127.0.0.1", "/readyz")})
				return err == nil && got.StatusCode == http.StatusServiceUnavailable
			})
			site.Signal(t, test.signal)
			if got := site.ExitCode(t, time.Second); got == 0 {
				t.Errorf("exit status = 0 of a stop that was cut short")
			}
		})
	}
}

// A download is open when the server is told to stop. In development the site serves its files from the disk, so the
// test can put a file there that is larger than all buffers on the way.
func TestOpenDownloadEndsWithinTheGrace(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol+" is finished within the grace", func(t *testing.T) {
			t.Parallel()
			d := newDownload(t, protocol, rig.Env{"SHUTDOWN_GRACE": "20s"})
			d.site.Signal(t, syscall.SIGTERM)
			rig.Eventually(t, 5*time.Second, "the port to close", func() bool {
				conn, err := net.Dial("tcp", d.addr)
				if err == nil {
					conn.Close()
				}
				return err != nil
			})
			time.Sleep(500 * time.Millisecond)
			if d.site.Exited() {
				t.Error("the server ended while a download was open")
			}
			if err := d.finish(); err != nil {
				t.Errorf("the download broke off: %v", err)
			}
			if got := d.site.ExitCode(t, 10*time.Second); got != 0 {
				t.Errorf("exit status = %d, want 0", got)
			}
		})
		t.Run(protocol+" is cut off after the grace, with a log line", func(t *testing.T) {
			t.Parallel()
			d := newDownload(t, protocol, rig.Env{"SHUTDOWN_GRACE": "1s"})
			d.site.Signal(t, syscall.SIGTERM)
			if got := d.site.ExitCode(t, 5*time.Second); got != 1 {
				t.Errorf("exit status = %d, want 1", got)
			}
			if got := d.site.Stderr(); !strings.Contains(got, "SHUTDOWN_GRACE=1s") {
				t.Errorf("stderr = %q, want it to name SHUTDOWN_GRACE=1s", got)
			}
			if err := d.finish(); err == nil {
				t.Error("a download that was cut off looks complete")
			}
		})
	}
}

// The binary requests its own health route, because images may have no curl.
func TestHealthcheckAsksTheServer(t *testing.T) {
	t.Parallel()
	site, p := newSite(t, rig.Env{"SHUTDOWN_GRACE": "1s"})
	env := p.env().With(pairs("cert.pem", "key.pem"))
	waitReady(t, p.plain("127.0.0.1", "/readyz"))
	for _, env := range []rig.Env{env, env.With(rig.Env{"HTTP_ADDR": "off"})} {
		if got := rig.Run(t, site.Dir, env, "healthcheck"); got.ExitCode != 0 {
			t.Errorf("healthcheck of a server that is ready: exit status = %d, want 0", got.ExitCode)
		}
	}
	site.Signal(t, syscall.SIGTERM)
	site.ExitCode(t, 5*time.Second)
	if got := rig.Run(t, site.Dir, env, "healthcheck"); got.ExitCode != 1 {
		t.Errorf("healthcheck of nothing: exit status = %d, want 1", got.ExitCode)
	}
}

// Helpers

// newSite serves shop in production from a pair of files.
func newSite(t *testing.T, env rig.Env) (*rig.Product, ports) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, rig.NewCA(t, "Site").Issue(t, rig.Leaf{Names: []string{shop}}))
	p := newPorts(t)
	return rig.Start(t, dir, p.env().With(pairs("cert.pem", "key.pem")).With(env)), p
}

// download is a response of which the first bytes have arrived.
type download struct {
	site *rig.Product
	addr string
	body io.Reader
	sum  [sha256.Size]byte
	size int
}

func newDownload(t *testing.T, protocol string, env rig.Env) *download {
	t.Helper()
	dir := t.TempDir()
	ca := rig.NewCA(t, "Site")
	write(t, dir, ca.Issue(t, rig.Leaf{Names: []string{"localhost"}}))
	large := make([]byte, 32<<20)
	rand.NewChaCha8([32]byte{}).Read(large)
	rig.Write(t, filepath.Join(dir, "web", "static", "large.bin"), large, 0o644)
	rig.Write(t, filepath.Join(dir, "web", "templates", "error.html"), []byte(`{{define "error"}}{{end}}`), 0o644)

	p := newPorts(t)
	site := rig.Start(t, dir, p.env().With(pairs("cert.pem", "key.pem")).With(rig.Env{"ENV": "dev"}).With(env))
	visitor := rig.VisitorWith(&tls.Config{RootCAs: ca.Pool(), NextProtos: []string{protocol}})
	visitor.Timeout = 30 * time.Second
	visitor.Transport.(*http.Transport).ForceAttemptHTTP2 = protocol == "h2"
	resp, err := visitor.Get(p.secure("localhost", "/static/large.bin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if want := map[string]int{"http/1.1": 1, "h2": 2}[protocol]; resp.StatusCode != http.StatusOK || resp.ProtoMajor != want {
		t.Fatalf("large.bin = %s over %s", resp.Status, resp.Proto)
	}
	first := make([]byte, 1<<10)
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	return &download{site, rig.Loopback(p.https), io.MultiReader(strings.NewReader(string(first)), resp.Body), sha256.Sum256(large), len(large)}
}

// finish reads the rest and compares it with the file.
func (d *download) finish() error {
	h := sha256.New()
	n, err := io.Copy(h, d.body)
	if err != nil {
		return err
	}
	if n != int64(d.size) || [sha256.Size]byte(h.Sum(nil)) != d.sum {
		return io.ErrUnexpectedEOF
	}
	return nil
}
