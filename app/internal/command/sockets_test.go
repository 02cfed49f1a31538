//go:build unix

package command_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/settings"
)

func TestPassedSocketsAreServed(t *testing.T) {
	t.Parallel()
	v4, v6 := pair(t)
	plain, admin := loopback(t), loopback(t)
	// HTTPS_ADDR names a port that is in use. That is no fault here, because the program uses the passed sockets and
	// opens no port.
	p := startPassed(t, map[string]string{"LISTEN_FDNAMES": "http:https:https:admin", "HTTPS_ADDR": v4.Addr().String()}, plain, v4, v6, admin)

	for _, ln := range []net.Listener{v4, v6} {
		resp, err := p.visitor().Get("https://" + ln.Addr().String() + "/healthz")
		if err != nil {
			t.Fatalf("a socket named https: %v", err)
		}
		if resp.Body.Close(); resp.StatusCode != 200 {
			t.Errorf("a socket named https answers %s", resp.Status)
		}
	}
	resp := typed(t, plain.Addr().String(), fmt.Sprintf("GET /a HTTP/1.1\r\nHost: shop.test:%d\r\n\r\n", portOf(plain)))
	if want := fmt.Sprintf("https://shop.test:%d/a", portOf(v4)); resp == nil || resp.Header.Get("Location") != want {
		t.Errorf("the socket named http got %+v, want a redirect to %s", resp, want)
	}
	if resp := typed(t, admin.Addr().String(), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); resp == nil || resp.StatusCode != 200 {
		t.Errorf("the socket named admin got %+v, want 200", resp)
	}
	if runtime.GOOS == "linux" {
		p.inheritsNothing(t)
	}
	p.stop(t)
}

func TestPROXYHeadersComeOnPassedSockets(t *testing.T) {
	t.Parallel()
	https, plain := loopback(t), loopback(t)
	p := startPassed(t, map[string]string{"LISTEN_FDNAMES": "https:http", "LOG_LEVEL": "debug",
		"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "127.0.0.1"}, https, plain)
	visitor := p.visitor()
	visitor.Transport.(*http.Transport).DialContext = dialWith(v2(proxyCmd, "203.0.113.9:1", 0), false)
	for scheme, ln := range map[string]net.Listener{"https": https, "http": plain} {
		resp, err := visitor.Get(scheme + "://" + ln.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := logLine(t, p.out.String, "request", "request_id", resp.Header.Get("X-Request-Id"))["client"]; got != "203.0.113.9" {
			t.Errorf("on the socket for %s the client is %v, want that in the header", scheme, got)
		}
	}
	p.stop(t)
}

func TestCheckTakesPassedSockets(t *testing.T) {
	t.Parallel()
	https, plain := loopback(t), loopback(t)
	out, code := checkPassed(t, map[string]string{"LISTEN_FDNAMES": "https:http"}, file(t, https), file(t, plain))
	if code != 0 || !strings.Contains(out, https.Addr().String()) || !strings.Contains(out, plain.Addr().String()) {
		t.Errorf("exit status %d, want 0 and both addresses:\n%s", code, out)
	}
}

func TestSocketsThatCannotBeServedAreFaults(t *testing.T) {
	t.Parallel()
	ln := file(t, loopback(t))
	open, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	conn, err := net.Dial("tcp", loopback(t).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	publicly, datagrams, local, connected := file(t, open), file(t, udp), file(t, unix), file(t, conn)
	for _, test := range []struct {
		name string
		env  map[string]string
		pass []*os.File
		want string
	}{
		{"UDP", nil, []*os.File{datagrams}, "comes with a UDP socket, and HTTP3 is off: set HTTP3=on"},
		{"UDP for http", map[string]string{"LISTEN_FDNAMES": "http", "HTTP3": "on"}, []*os.File{datagrams}, "only https uses one"},
		{"a connection", nil, []*os.File{ln, connected}, "file descriptor 4 is a socket that does not listen"},
		{"not TCP", nil, []*os.File{local}, "file descriptor 3 is not a TCP socket"},
		{"a file", nil, []*os.File{plain}, "file descriptor 3 is not a socket"},
		{"fewer than said", map[string]string{"LISTEN_FDS": "40"}, []*os.File{ln}, "file descriptor 42 is not open"},
		{"no number", map[string]string{"LISTEN_FDS": "two"}, nil, `LISTEN_FDS="two": is not a number of sockets from 0 to 64`},
		{"a negative number", map[string]string{"LISTEN_FDS": "-1"}, nil, `LISTEN_FDS="-1": is not a number`},
		{"too many", map[string]string{"LISTEN_FDS": "1000000000"}, nil, "from 0 to 64"},
		{"no process", map[string]string{"LISTEN_PID": "me"}, []*os.File{ln}, `LISTEN_PID="me": is not the number of a process`},
		{"names short", map[string]string{"LISTEN_FDNAMES": "https"}, []*os.File{ln, ln}, `LISTEN_FDNAMES="https": does not have one name for each of LISTEN_FDS=2 sockets`},
		{"a name", map[string]string{"LISTEN_FDNAMES": "htps"}, []*os.File{ln}, `LISTEN_FDNAMES="htps": does not tell what the socket on 127.0.0.1:`},
		{"https behind a proxy", map[string]string{"LISTEN_FDNAMES": "https", "TLS_MODE": "proxy"}, []*os.File{ln}, "has no effect with TLS_MODE=proxy"},
		{"admin for everybody", map[string]string{"LISTEN_FDNAMES": "admin"}, []*os.File{publicly}, "would show metrics and profiles to other machines"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, code := checkPassed(t, test.env, test.pass...)
			if code != 1 || !strings.Contains(out, test.want) || !strings.Contains(out, "→") {
				t.Errorf("exit status %d, want 1 and %q with a fix:\n%s", code, test.want, out)
			}
			if strings.Contains(out, "_ADDR=") {
				t.Errorf("an address was tried instead of the socket:\n%s", out)
			}
		})
	}
}

// The environment of a shell under systemd names the sockets of the shell. A program that the shell starts must not
// take them.
func TestSocketsForAnotherProcessAreIgnored(t *testing.T) {
	for name, value := range map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": strconv.Itoa(os.Getppid()), "LISTEN_FDNAMES": "https"} {
		t.Setenv(name, value)
	}
	if sockets, faults := ports.Inherited(os.LookupEnv); len(sockets) > 0 || len(faults) > 0 {
		t.Errorf("got %v and %v, want neither", sockets, faults)
	}
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		if v, set := os.LookupEnv(name); set {
			t.Errorf("children would inherit %s=%s", name, v)
		}
	}
	own := map[string]string{"LISTEN_FDS": "1", "LISTEN_PID": strconv.Itoa(os.Getpid()), "LISTEN_FDNAMES": "https:http"}
	if _, faults := ports.Inherited(lookupIn(own)); len(faults) != 1 {
		t.Errorf("what is for this very process is not looked at: %v", faults)
	}
}

// The sockets stay open in the process that passes them, so clients that connect during a restart wait in the backlog.
func TestRestartRefusesNoConnection(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		restart func(t *testing.T, last *passed) *passed
	}{
		{"the next beside the last", func(t *testing.T, last *passed) *passed {
			next := last.again(t)
			last.stop(t)
			return next
		}},
		{"the next after the last", func(t *testing.T, last *passed) *passed {
			last.stop(t)
			time.Sleep(300 * time.Millisecond) // connections wait in the backlog for this time
			return last.again(t)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			https, plain := loopback(t), loopback(t)
			p := startPassed(t, map[string]string{"LISTEN_FDNAMES": "https:http", "SHUTDOWN_GRACE": "5s"}, https, plain)

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var visitors sync.WaitGroup
			var answered atomic.Int64
			for _, url := range []string{"https://" + https.Addr().String() + "/", "http://" + plain.Addr().String() + "/healthz"} {
				for range 2 {
					visitors.Go(func() { answered.Add(p.visit(ctx, t, url)) })
				}
			}
			for range 3 {
				p = test.restart(t, p)
			}
			time.Sleep(100 * time.Millisecond)
			cancel()
			visitors.Wait()
			if answered.Load() < 20 { // a quiet machine has hundreds
				t.Errorf("%d answers, too few to tell", answered.Load())
			}
			p.stop(t)
		})
	}
}

// Helpers

// passed is the program in a process of its own, with sockets that the test's process opened.
type passed struct {
	cmd     *exec.Cmd
	dir     string
	env     map[string]string
	sockets []net.Listener
	out     *syncBuffer
	exited  chan struct{}
}

func startPassed(t *testing.T, env map[string]string, sockets ...net.Listener) *passed {
	t.Helper()
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test", "127.0.0.1", "::1")
	return startPassedIn(t, dir, env, sockets)
}

func startPassedIn(t *testing.T, dir string, env map[string]string, sockets []net.Listener) *passed {
	t.Helper()
	var files []*os.File
	for _, ln := range sockets {
		files = append(files, file(t, ln))
	}
	p := &passed{dir: dir, env: env, sockets: sockets, out: &syncBuffer{}, exited: make(chan struct{})}
	p.cmd = passedCommand(dir, env, files)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			for line := range strings.Lines(p.out.String()) {
				if !strings.Contains(line, `"msg":"request"`) {
					t.Logf("process %d: %s", p.cmd.Process.Pid, line)
				}
			}
		}
	})
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(p.out.String(), `"msg":"serving"`); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.exited:
			t.Fatalf("the program ended with %d instead of serving", p.cmd.ProcessState.ExitCode())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the program does not serve")
		}
	}
	return p
}

// passedCommand runs this program with files from descriptor 3 on.
func passedCommand(dir string, env map[string]string, files []*os.File, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir, cmd.ExtraFiles = dir, files
	all := map[string]string{"TURNKEY_TEST_MAIN": "1", "HOME": dir, "PATH": os.Getenv("PATH"), "GORACE": "atexit_sleep_ms=0",
		"ENV": "prod", "TLS_MODE": "files", "DOMAINS": "shop.test", "TLS_CERT_FILE": "certs/cert.pem", "TLS_KEY_FILE": "certs/key.pem",
		"HTTPS_ADDR": "localhost:0", "HTTP_ADDR": "localhost:0", "LISTEN_FDS": strconv.Itoa(len(files)), "SHUTDOWN_GRACE": "1s"}
	maps.Copy(all, env)
	for name, value := range all {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// checkPassed runs turnkey check with files passed to it.
func checkPassed(t *testing.T, env map[string]string, files ...*os.File) (output string, code int) {
	t.Helper()
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
	cmd := passedCommand(dir, env, files, "check")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// again starts the program once more, with the same sockets and settings.
func (p *passed) again(t *testing.T) *passed {
	t.Helper()
	return startPassedIn(t, p.dir, p.env, p.sockets)
}

func (p *passed) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		t.Fatal("the program does not stop")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}

// visit requests url until ctx is done, each time over a new connection, and returns how many were answered.
func (p *passed) visit(ctx context.Context, t *testing.T, url string) (answered int64) {
	visitor := p.visitor()
	for ctx.Err() == nil {
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Error(err)
			return answered
		}
		req.Host = "shop.test"
		resp, err := visitor.Do(req)
		if err != nil {
			t.Errorf("a visitor was turned away: %v", err)
			return answered
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
			t.Errorf("a visitor got %s, %v", resp.Status, err)
		}
		resp.Body.Close()
		answered++
		time.Sleep(time.Millisecond)
	}
	return answered
}

// inheritsNothing checks that every socket of p has O_CLOEXEC in its fdinfo, so that programs started by p do not
// inherit it.
func (p *passed) inheritsNothing(t *testing.T) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", p.cmd.Process.Pid)
	fds, err := filepath.Glob(dir + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); !strings.HasPrefix(target, "socket:") {
			continue
		}
		info, err := os.ReadFile(filepath.Join(dir, "fdinfo", filepath.Base(fd)))
		if err != nil {
			continue // the descriptor was closed in the meantime
		}
		sockets++
		for line := range strings.Lines(string(info)) {
			if octal, ok := strings.CutPrefix(line, "flags:"); ok {
				flags, err := strconv.ParseUint(strings.TrimSpace(octal), 8, 64)
				if err != nil || flags&syscall.O_CLOEXEC == 0 {
					t.Errorf("file descriptor %s would be inherited: flags %s", filepath.Base(fd), octal)
				}
			}
		}
	}
	if sockets < len(p.sockets) {
		t.Errorf("%d sockets are open, want %d at least", sockets, len(p.sockets))
	}
}

// visitor returns a client that trusts the site and opens a connection for each request.
func (p *passed) visitor() *http.Client {
	roots := x509.NewCertPool()
	root, _ := os.ReadFile(filepath.Join(p.dir, "certs", "ca.pem"))
	roots.AppendCertsFromPEM(root)
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "shop.test"},
	}}
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// pair opens the same port on both loopback addresses.
func pair(t *testing.T) (v4, v6 net.Listener) {
	t.Helper()
	set := ports.New(settings.Settings{HTTPSAddr: "localhost:0"})
	if _, faults := set.Open(); len(faults) > 0 {
		t.Fatal(faults)
	}
	t.Cleanup(set.Close)
	group := set.HTTPS.Listeners
	if len(group) != 2 {
		t.Skip("no IPv6 here")
	}
	return group[0], group[1]
}

func portOf(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// file returns a copy of a socket that can be passed to another process.
func file(t *testing.T, socket any) *os.File {
	t.Helper()
	f, err := socket.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
