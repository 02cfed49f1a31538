//go:build unix

package command_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/app/internal/testcert"
)

// A program that reads the log may end as head does, be restarted, or stop reading.
func TestSiteServesAfterTheLogReaderEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		env         map[string]string
		out, errout bool // which of the two readers ends
	}{
		{"production, stdout", nil, true, false},
		{"production, both", nil, true, true},
		{"development, stdout", map[string]string{"ENV": "dev", "TLS_MODE": "local", "DOMAINS": ""}, true, false},
		{"development, both", map[string]string{"ENV": "dev", "TLS_MODE": "local", "DOMAINS": ""}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
			if test.env["TLS_MODE"] == "local" {
				os.RemoveAll(dir + "/certs")
			}
			env := map[string]string{"LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
			for k, v := range test.env {
				env[k] = v
			}
			cmd := passedCommand(dir, env, nil)
			outR, outW := pipePair(t)
			errR, errW := pipePair(t)
			cmd.Stdout, cmd.Stderr = outW, errW
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			outW.Close()
			errW.Close()
			ended := make(chan struct{})
			go func() { cmd.Wait(); close(ended) }()
			t.Cleanup(func() { cmd.Process.Kill(); <-ended })
			addr := servingAddr(t, outR)
			if test.out {
				outR.Close()
			}
			if test.errout {
				errR.Close()
			}
			host := pick(test.env == nil, "shop.test", "localhost")
			client := visitorAt(addr, host)
			for range 4 { // each request logs lines, which are written soon after
				resp, err := client.Get("https://" + host + "/nowhere")
				if err != nil {
					t.Fatalf("no answer once the reader has gone: %v", err)
				}
				resp.Body.Close()
				time.Sleep(2 * writeDelay)
			}
			cmd.Process.Signal(syscall.SIGHUP)
			time.Sleep(2 * writeDelay)
			select {
			case <-ended:
				t.Fatalf("the program ended: %v", cmd.ProcessState)
			default:
			}
			cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("the program does not stop")
			}
			if code := cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit status %d after a stop (%v), want 0", code, cmd.ProcessState)
			}
		})
	}
}

// The access log goes to a pipe that is not read. Requests must not wait for the pipe.
func TestBlockedLogReaderDelaysNoRequest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
	cmd := passedCommand(dir, map[string]string{"LOG_FORMAT": "json"}, nil)
	r, w := pipePair(t)
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	addr := servingAddr(t, r) // after this, the test reads no further line
	client := visitorAt(addr, "shop.test")
	client.Transport.(*http.Transport).DisableKeepAlives = false
	for range 600 { // more lines than a pipe holds
		resp, err := client.Get("https://shop.test/" + strings.Repeat("x", 200))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// turnkey check | head must end without an error message, as other commands do.
func TestCommandExitsWhenItsReaderEnds(t *testing.T) {
	t.Parallel()
	if signal.Ignored(syscall.SIGPIPE) {
		t.Skip("SIGPIPE is ignored by who started this test, and so by what it starts")
	}
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
	cmd := passedCommand(dir, nil, nil, "check")
	r, w := pipePair(t)
	r.Close()
	cmd.Stdout = w
	var errout strings.Builder
	cmd.Stderr = &errout
	cmd.Run()
	w.Close()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGPIPE || errout.Len() > 0 {
		t.Errorf("ended with %v and %q, want by SIGPIPE and without a word", cmd.ProcessState, errout.String())
	}
}

// servingAddr reads a log until the site serves, and returns its TLS address.
func servingAddr(t *testing.T, log io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == "serving" {
			addr, _, _ := strings.Cut(line["https"].(string), " ")
			return addr
		}
	}
	t.Fatal("the program does not serve")
	return ""
}

// visitorAt returns a client that opens a connection to that address for each request.
func visitorAt(addr, host string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: host}}}
}

func pipePair(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
