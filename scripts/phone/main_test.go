package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain makes the test binary the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_PHONE") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The test runs the command as a developer does, with the real site. The certificate that the command hands over must
// make the site trusted, and after Ctrl-C no port may be open.
func TestPhone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signal that a test could send")
	}
	program := filepath.Join(t.TempDir(), "site")
	if out, err := exec.Command("go", "build", "-tags", "nomsgpack", "-o", program, "../../app").CombinedOutput(); err != nil {
		t.Fatalf("building the site: %v\n%s", err, out)
	}
	https, plain, page := port(t), port(t), port(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-host", "127.0.0.1", "-https", https, "-http", plain, "-page", page, "-site", program)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"TEST_RUN_PHONE=1", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TERM=xterm"}
	var out buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	address := "http://127.0.0.1:" + page + "/"
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "Ctrl-C"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come up")
		}
	}

	_, body := get(t, address)
	project := body[bytes.Index(body, []byte("<title>"))+len("<title>"):]
	_, der := get(t, address+string(project[:bytes.IndexByte(project, ' ')])+".crt")
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := pairs(root.Raw)
	if got := out.String(); !strings.Contains(got, sum[:47]) || !strings.Contains(got, sum[48:]) || !strings.Contains(got, address) || !strings.Contains(got, "█") {
		t.Errorf("the terminal lacks the address, its code or the SHA-256 %s:\n%s", sum, got)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	resp, err := (&http.Client{Transport: transport}).Get("https://127.0.0.1:" + https + "/healthz")
	if err != nil {
		t.Fatalf("whoever trusts the certificate does not trust the site: %v", err)
	}
	resp.Body.Close()
	transport.CloseIdleConnections()

	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	for _, p := range []string{https, plain, page} {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+p); err == nil {
			conn.Close()
			t.Errorf("somebody still listens on port %s", p)
		}
	}
}

func TestRefusals(t *testing.T) {
	home := t.TempDir()
	t.Chdir(t.TempDir())
	busy, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := fmt.Sprint(busy.Addr().(*net.TCPAddr).Port)
	for _, test := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{map[string]string{"ENV": "prod"}, nil, "take ENV and TLS_MODE out"},
		{map[string]string{"HOME": "", "LocalAppData": ""}, nil, "set it"},
		{nil, []string{"-host", "8.8.8.8"}, "no private address"},
		{nil, []string{"-host", "127.0.0.1", "-page", taken}, "address"},
		{nil, []string{"-host", "127.0.0.1", "-page", port(t), "-https", taken, "-http", port(t)}, "if make dev runs, stop it first"},
		{nil, []string{"now"}, "-h"},
	} {
		env := map[string]string{"HOME": home, "LocalAppData": home}
		for name, value := range test.env {
			env[name] = value
		}
		var out bytes.Buffer
		err := run(t.Context(), test.args, func(name string) string { return env[name] }, &out, &out)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v %q: %v, want %q", test.env, test.args, err, test.want)
		}
	}
}

// Helpers

// port returns a free port.
func port(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
}

// buffer is written by a process while its test reads it.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
