package command

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAClientThatRefusesTheCertificateIsHintedAtOnce(t *testing.T) {
	t.Parallel()
	const msg = "a client does not trust the development certificate"
	s := start(t, nil)
	for range 5 {
		if conn, err := tls.Dial("tcp", s.https, &tls.Config{ServerName: "localhost"}); err == nil {
			conn.Close()
			t.Fatal("an unknown CA was trusted")
		}
	}
	hint := s.logged(msg)
	if !strings.Contains(fmt.Sprint(hint["likely"]), "Go") || !strings.Contains(fmt.Sprint(hint["fix"]), "make trust") {
		t.Errorf("the hint is %v, want the client and make trust", hint)
	}
	kinds := 1
	if curl, err := exec.LookPath("curl"); err == nil {
		url := "https://localhost" + s.https[strings.LastIndexByte(s.https, ':'):]
		for range 3 {
			if exec.Command(curl, "-sS", "--noproxy", "*", url).Run() == nil {
				t.Fatal("curl trusts an unknown CA")
			}
		}
		if exec.Command(curl, "-sS", "--noproxy", "*", "--cacert", s.dir+"/certs/ca.pem", url).Run() != nil {
			t.Error("curl refuses the CA that the hint says to give it")
		}
		s.logged(msg, "fix", toolFix)
		kinds = 2
	}
	s.stop()
	s.wait()
	if n := strings.Count(s.out.String(), msg); n != kinds {
		t.Errorf("%d hints, want one for each kind of client:\n%s", n, s.out)
	}
	if strings.Contains(s.out.String(), "handshakes that failed") {
		t.Errorf("refusals are counted as well as told:\n%s", s.out)
	}
}

func TestRefusalsAreHintedOncePerHourAndOnlyInDevelopment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, refusalsAreHinted)
}

func refusalsAreHinted(t *testing.T) { // in a bubble of synctest, where an hour passes at once
	for _, test := range []struct{ line, client string }{
		{"http: TLS handshake error from 127.0.0.1:1: remote error: tls: unknown certificate", "Chrome"},
		{"http: TLS handshake error from 127.0.0.1:1: remote error: tls: bad certificate", "Go"},
		{"http2: server: error reading preface from client 127.0.0.1:1: remote error: tls: bad certificate", "Go"}, // over TLS 1.2
		{"http: TLS handshake error from 127.0.0.1:1: remote error: tls: unknown certificate authority", "Firefox"},
		{"http: TLS handshake error from 127.0.0.1:1: local error: tls: bad record MAC", "curl"},
	} {
		var out syncBuffer
		n := newNoise(slog.New(slog.NewTextHandler(&out, nil)), true)
		for range 3 {
			fmt.Fprintln(n, test.line)
		}
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, test.client) {
			t.Errorf("%s: got %q, want one line that names %s", test.line, got, test.client)
		}
		time.Sleep(time.Hour)
		fmt.Fprintln(n, test.line)
		if got := out.String(); strings.Count(got, "\n") != 2 {
			t.Errorf("%s: an hour later got %q, want a second line", test.line, got)
		}

		var quiet syncBuffer
		n = newNoise(slog.New(slog.NewTextHandler(&quiet, nil)), false)
		fmt.Fprintln(n, test.line)
		n.report()
		if got := quiet.String(); strings.Contains(got, "trust the development") || !strings.Contains(got, "=1") {
			t.Errorf("%s: without a development certificate got %q, want a count", test.line, got)
		}
	}
}
