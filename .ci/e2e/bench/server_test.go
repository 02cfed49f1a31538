//go:build linux

package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// server is what serves a site: one process, or a proxy and the gin behind it, whose figures are added up.
type server struct {
	kind
	addr, log string
	admins    []string // addresses at which a process collects its garbage
	cmds      []*exec.Cmd
	conns     []*tls.Conn // of the clients
	requests  int
}

var env = []string{"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=1", "ENV=prod", "TLS_MODE=files", "DOMAINS=shop.test",
	"TLS_CERT_FILE=cert.pem", "TLS_KEY_FILE=key.pem", "HTTP_ADDR=off"}

// start starts a server and returns when it has answered with the page. With profiles, its Go processes collect their
// garbage when they are asked.
func start(t *testing.T, dir string, k kind, profiles bool) *server {
	t.Helper()
	s := &server{kind: k, addr: rig.Loopback(rig.Port(t)), log: filepath.Join(t.TempDir(), "log")}
	t.Cleanup(s.stop)
	k.run(t, s, dir, profiles)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Microsecond) {
		page, err := s.page()
		if err == nil && bytes.HasPrefix(page, []byte("<!doctype html>")) {
			s.requests++
			return s
		} else if time.Now().After(deadline) {
			t.Fatalf("%s does not serve: %v %q\n%s", k.name, err, page, rig.Read(t, s.log))
		}
	}
}

// page returns the page. A proxy whose gin does not listen yet answers 502, which is an error here.
func (s *server) page() ([]byte, error) {
	c, err := s.dial("http/1.1")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	h := newH1(c, request{path: "/page", encoding: "identity"})
	_, err = h.exchange()
	return h.body, err
}

// get returns an answer's body and header, over a connection of its own.
func (s *server) get(t *testing.T, r request) ([]byte, http.Header) {
	t.Helper()
	req, err := http.NewRequest("GET", "https://shop.test"+r.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", r.encoding)
	resp, err := (&http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: r.protocol == "h2",
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return s.dial(r.protocol) }}).RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %v: %v", s.name, r, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %v: %v", s.name, r, err)
	}
	s.requests++
	return body, resp.Header
}

// spawn starts a process of the server, on the servers' processor unless it runs under another program.
func (s *server) spawn(t *testing.T, dir string, vars []string, args ...string) {
	t.Helper()
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	under := s.under
	if under == nil {
		under = []string{"taskset", "--cpu-list", "0"}
	}
	cmd := exec.Command(under[0], slices.Concat(under[1:], args)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(append(env[:len(env):len(env)], "HOME="+dir), vars...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.cmds = append(s.cmds, cmd)
}

func (s *server) stop() {
	s.leave()
	for _, cmd := range s.cmds {
		cmd.Process.Kill()
		cmd.Wait()
	}
	s.cmds = nil
}

func (s *server) dial(protocol string) (*tls.Conn, error) {
	return tls.Dial("tcp", s.addr, &tls.Config{ServerName: "shop.test", NextProtos: []string{protocol}, InsecureSkipVerify: true})
}

// load keeps connections busy and returns the server's processor time a request, in nanoseconds.
func (s *server) load(t *testing.T, r request, d time.Duration) float64 {
	t.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	n, streams := 32, 1
	if r.protocol == "h2" {
		n, streams = 8, 4
	}
	exchanges := s.open(t, r, n, streams)
	before, _ := s.scheduled(t)
	end := time.Now().Add(d)
	for _, exchange := range exchanges {
		wg.Go(func() {
			for time.Now().Before(end) {
				n, err := exchange()
				if err != nil {
					t.Errorf("%s %v: %v", s.name, r, err)
					return
				}
				done.Add(int64(n))
			}
		})
	}
	wg.Wait()
	after, _ := s.scheduled(t)
	s.leave()
	if r.path != "" {
		s.requests += int(done.Load())
	}
	return (after - before) / float64(done.Load())
}

// leave ends the connections of the clients.
func (s *server) leave() {
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
}

// open returns what n clients do again and again: they wait for an answer, or make a handshake and leave. A client of
// HTTP/2 has as many open requests as streams says.
func (s *server) open(t *testing.T, r request, n, streams int) (exchanges []func() (int, error)) {
	t.Helper()
	for range n {
		if r.path == "" {
			exchanges = append(exchanges, func() (int, error) { return s.handshake(r.protocol) })
			continue
		}
		c, err := s.dial(r.protocol)
		if err != nil {
			t.Fatal(err)
		}
		s.conns = append(s.conns, c)
		client := newClient(c, r, streams)
		if _, err := client.exchange(); err != nil { // so that the handshake is over
			t.Fatalf("%s %v: %v", s.name, r, err)
		}
		s.requests++
		exchanges = append(exchanges, client.exchange)
	}
	return exchanges
}

// handshake makes a full handshake, as a client without a ticket does, and leaves.
func (s *server) handshake(protocol string) (int, error) {
	c, err := s.dial(protocol)
	if err != nil {
		return 0, err
	}
	return 1, c.Close()
}

// scheduled returns how long all threads of the server have run, and how long they have waited for a processor, in
// nanoseconds.
func (s *server) scheduled(t *testing.T) (ran, waited float64) {
	t.Helper()
	for _, cmd := range s.cmds {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", cmd.Process.Pid))
		if len(files) == 0 {
			t.Fatalf("%s has ended:\n%s", s.name, rig.Read(t, s.log))
		}
		for _, f := range files {
			fields := strings.Fields(string(rig.Read(t, f)))
			ran, waited = ran+number(t, fields[0]), waited+number(t, fields[1])
		}
	}
	return ran, waited
}

// writes returns how many system calls the server makes a request that write, those for its log among them.
func (s *server) writes(t *testing.T, r request) float64 {
	t.Helper()
	count := func() (n float64) {
		for _, cmd := range s.cmds {
			_, rest, _ := strings.Cut(string(rig.Read(t, fmt.Sprintf("/proc/%d/io", cmd.Process.Pid))), "\nsyscw:")
			n += number(t, strings.Fields(rest)[0])
		}
		return n
	}
	calls, requests := count(), s.requests
	s.load(t, r, *length)
	return (count() - calls) / float64(s.requests-requests)
}

// memory is the server's share of this machine's memory (PSS), in KiB.
func (s *server) memory(t *testing.T) (sum float64) {
	t.Helper()
	for _, cmd := range s.cmds {
		_, rest, _ := strings.Cut(string(rig.Read(t, fmt.Sprintf("/proc/%d/smaps_rollup", cmd.Process.Pid))), "\nPss:")
		sum += number(t, strings.Fields(rest)[0])
	}
	return sum
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// collect makes all Go processes of the server collect their garbage.
func (s *server) collect(t *testing.T) {
	t.Helper()
	for _, addr := range s.admins {
		resp, err := http.Get("http://" + addr + "/debug/pprof/heap?gc=1")
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != 200 {
			t.Fatalf("%s does not collect: %s", s.name, resp.Status)
		}
	}
}

// checkLog checks that the log's file has a line for each request.
func (s *server) checkLog(t *testing.T) {
	t.Helper()
	if lines := strings.Count(string(rig.Read(t, s.log)), s.line); s.line != "" && lines < s.requests {
		t.Errorf("%s has %d lines in its log for %d requests", s.name, lines, s.requests)
	}
}
