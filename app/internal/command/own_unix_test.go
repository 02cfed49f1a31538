//go:build unix

package command_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A command needs neither ports nor a certificate. The first signal cancels its context.
func TestOwnCommandEndsAtASignal(t *testing.T) {
	t.Parallel()
	cmd := passedCommand(t.TempDir(), map[string]string{"HTTPS_ADDR": "192.0.2.7:443", "TLS_CERT_FILE": "missing"}, nil, "wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() }).Stop()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "waiting\n" || err != nil {
		cmd.Wait()
		t.Fatalf("it said %q, %v\n%s", line, err, errs.String())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || errs.String() != "wait: context canceled\n" {
		t.Errorf("%v, %q", cmd.ProcessState, errs.String())
	}
}

// A platform sets PORT and nothing else about addresses. Here the file .env does.
func TestSiteServesOnThePortOfThePlatform(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("PORT=0\nTRUSTED_PROXIES=10.0.0.0/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := passedCommand(dir, map[string]string{"TLS_MODE": "proxy", "HTTPS_ADDR": "", "HTTP_ADDR": "", "LOG_FORMAT": "json"}, nil)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	defer time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() }).Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), `"msg":"serving"`) {
	}
	address := regexp.MustCompile(`"http":"\S*:([0-9]+)"`).FindStringSubmatch(lines.Text())
	if address == nil || strings.Contains(address[0], "127.0.0.1") {
		t.Fatalf("it serves elsewhere: %s", lines.Text())
	}
	go io.Copy(io.Discard, out)
	req, err := http.NewRequest(http.MethodGet, "http://"+net.JoinHostPort("localhost", address[1])+"/seen", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.test"
	req.Header.Set("X-Forwarded-Proto", "https")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(body), `"scheme":"https"`) {
		t.Errorf("got %s\n%s", resp.Status, body)
	}
}
