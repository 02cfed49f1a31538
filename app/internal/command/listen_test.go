package command

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
)

// busyPort is a port on which this process listens, as another development server would.
func busyPort(t *testing.T) int {
	t.Helper()
	group, err := listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listeners{https: group}.close() })
	return portOf(group[0])
}

func TestABusyDefaultPortGivesWayToTheNext(t *testing.T) {
	t.Parallel()
	https, http := busyPort(t), busyPort(t)
	s := openDev(t, nil, func(cfg *config) {
		cfg.httpsAddr, cfg.httpsMoves = fmt.Sprintf("localhost:%d", https), true
		cfg.httpAddr, cfg.httpMoves = fmt.Sprintf("localhost:%d", http), true
	})
	p := s.ports()
	if p.https <= https || p.https > https+nextPorts || p.http <= http || p.http > http+nextPorts {
		t.Errorf("%d and %d are busy, and it listens on %+v; want one of the next ten each", https, http, p)
	}
	go s.run(t.Context(), nil)
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.https), &tls.Config{ServerName: "localhost", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	var out syncBuffer
	newBanner(s.cfg, &out).print(s)
	want := fmt.Sprintf("https://localhost:%d   (plain http on port %d leads there)", p.https, p.http)
	if got := out.String(); !strings.Contains(got, want) || strings.Contains(got, fmt.Sprint(":", https)) {
		t.Errorf("%q is not what is printed:\n%s", want, got)
	}
	// And plain http leads to the port in use, not to the one that was wanted.
	resp := typed(t, s.listeners.http[0].Addr().String(), fmt.Sprintf("GET /a HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", p.http))
	if want := fmt.Sprintf("https://localhost:%d/a", p.https); resp == nil || resp.Header.Get("Location") != want {
		t.Errorf("plain http got %+v, want a redirect to %s", resp, want)
	}
}

func TestWhichPortsGiveWay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env         map[string]string
		https, http bool
	}{
		{nil, true, true},
		{map[string]string{"HTTPS_ADDR": "localhost:8443"}, false, true},
		{map[string]string{"HTTP_ADDR": "localhost:8080", "HTTPS_ADDR": " "}, true, false},
		{map[string]string{"TLS_MODE": "proxy"}, false, false},
		{map[string]string{"ENV": "prod", "DOMAINS": "shop.test"}, false, false},
	} {
		c, _, _ := loadConfig(func(k string) (string, bool) { v, ok := test.env[k]; return v, ok }, "shop")
		if c.httpsMoves != test.https || c.httpMoves != test.http {
			t.Errorf("%v: https gives way: %v, http: %v", test.env, c.httpsMoves, c.httpMoves)
		}
	}
	// A port that was asked for is a fault.
	busy := busyPort(t)
	_, notes, faults := listenAll(config{httpsAddr: fmt.Sprintf("localhost:%d", busy)})
	if len(faults) != 1 || len(notes) != 0 || !strings.Contains(faults[0].Problem, "in use by ") {
		t.Errorf("got %v and %v, want a fault", notes, faults)
	}
	// And what is noted names port, program and setting.
	l, notes, faults := listenAll(config{httpsAddr: fmt.Sprintf("localhost:%d", busy), httpsMoves: true})
	defer l.close()
	if len(faults) > 0 || len(notes) != 1 || !strings.Contains(notes[0], fmt.Sprintf("port %d is in use by ", busy)) || !strings.Contains(notes[0], "set HTTPS_ADDR") {
		t.Errorf("got %v and %v, want a note", notes, faults)
	}
}

func TestThePortsOwnerIsNamed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	if got, want := portOwner(busyPort(t)), fmt.Sprintf("(pid %d)", os.Getpid()); !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want …%s", got, want)
	}
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	port := portOf(ln)
	if portOwner(port) == "" {
		t.Error("a listener on IPv6 alone is not found")
	}
	ln.Close()
	if got := portOwner(port); got != "" {
		t.Errorf("a free port belongs to %s", got)
	}
}

// Whoever asks what is wrong with a running server is not told to stop it.
func TestCheckBesideTheRunningServer(t *testing.T) {
	t.Parallel()
	notes, faults := ownPorts([]fault{
		{Setting: "HTTPS_ADDR", Value: ":443", Problem: portInUse + project() + " (pid 12)"},
		{Setting: "HTTP_ADDR", Value: ":80", Problem: portInUse + "nginx (pid 3)"},
		{Setting: "ADMIN_ADDR", Value: ":6060", Problem: portInUse + "another program"},
	})
	if len(notes) != 1 || !strings.Contains(notes[0], "HTTPS_ADDR=:443") || len(faults) != 2 || faults[0].Setting != "HTTP_ADDR" {
		t.Errorf("got the notes %q and the faults %+v", notes, faults)
	}
}
