package command_test

import (
	"crypto/tls"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

func TestRefusedCertificateIsLoggedWithAHint(t *testing.T) {
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
		s.logged(msg, "likely", "curl, wget, Python or another OpenSSL client")
		kinds = 2
	}
	s.stop()
	s.wait()
	if n := strings.Count(s.Log(), msg); n != kinds {
		t.Errorf("%d hints, want one for each kind of client:\n%s", n, s.Log())
	}
	if strings.Contains(s.Log(), "handshakes that failed") {
		t.Errorf("refusals are counted as well as told:\n%s", s.Log())
	}
}
