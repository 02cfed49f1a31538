package command

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/app/settings/portowner"
)

func TestBusyDefaultPortMovesToTheNext(t *testing.T) {
	t.Parallel()
	https, http := busyPort(t), busyPort(t)
	s := openDev(t, nil, func(l *loaded) {
		l.ports.HTTPS.Addr, l.ports.HTTPS.Moves = fmt.Sprintf("localhost:%d", https), true
		l.ports.HTTP.Addr, l.ports.HTTP.Moves = fmt.Sprintf("localhost:%d", http), true
	})
	openHTTPS, openHTTP := s.Ports.HTTPS.Number(), s.Ports.HTTP.Number()
	if openHTTPS <= https || openHTTPS > https+10 || openHTTP <= http || openHTTP > http+10 {
		t.Errorf("%d and %d are busy, and it listens on %d and %d; want one of the next ten each", https, http, openHTTPS, openHTTP)
	}
	go s.Run(t.Context(), nil)
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", openHTTPS), &tls.Config{ServerName: "localhost", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	var out syncBuffer
	(&banner{loaded: s.loaded, w: &out}).print()
	want := fmt.Sprintf("https://localhost:%d   (plain http on port %d leads there)", openHTTPS, openHTTP)
	if got := out.String(); !strings.Contains(got, want) || strings.Contains(got, fmt.Sprint(":", https)) {
		t.Errorf("%q is not what is printed:\n%s", want, got)
	}
	// The redirect from plain http leads to the port in use, not to the default port.
	resp := typed(t, s.Ports.HTTP.Listeners[0].Addr().String(), fmt.Sprintf("GET /a HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", openHTTP))
	if want := fmt.Sprintf("https://localhost:%d/a", openHTTPS); resp == nil || resp.Header.Get("Location") != want {
		t.Errorf("plain http got %+v, want a redirect to %s", resp, want)
	}
}

// busyPort is a port on which this process listens, as another development server would.
func busyPort(t *testing.T) int {
	t.Helper()
	v4, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v4.Close() })
	port := v4.Addr().(*net.TCPAddr).Port
	if v6, err := net.Listen("tcp", fmt.Sprintf("[::1]:%d", port)); err == nil {
		t.Cleanup(func() { v6.Close() })
	}
	return port
}

// An operator who runs check beside a running server must not be told to stop the server.
func TestCheckWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	own, nginx := portowner.Process{Name: project()[:min(len(project()), 15)], PID: "12"}, portowner.Process{Name: "nginx", PID: "3"}
	notes, faults := ownPorts([]ports.Fault{
		{Fault: settings.Fault{Setting: "HTTPS_ADDR", Value: ":443"}, Owner: own},
		{Fault: settings.Fault{Setting: "HTTP_ADDR", Value: ":80"}, Owner: nginx},
		{Fault: settings.Fault{Setting: "ADMIN_ADDR", Value: ":6060"}},
	})
	if len(notes) != 1 || !strings.Contains(notes[0], "HTTPS_ADDR=:443") || len(faults) != 2 || faults[0].Setting != "HTTP_ADDR" {
		t.Errorf("got the notes %q and the faults %+v", notes, faults)
	}
}

func TestFailedListenerEndsTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{"HTTPS_ADDR": "localhost:0", "HTTP_ADDR": "localhost:0", "HOME": dir, "TLS_CERT_FILE": filepath.Join(dir, "cert.pem"), "TLS_KEY_FILE": filepath.Join(dir, "key.pem")}
	s := openWith(t, env)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background(), nil) }()
	s.Ports.HTTP.Listeners[0].Close()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), s.Ports.HTTP.Listeners[0].Addr().String()) {
			t.Errorf("ended with %v, want an error that names the listener", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the program went on with one listener")
	}
	refused(t, s.Ports.HTTPS.Listeners[0].Addr().String())
}
