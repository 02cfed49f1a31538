package server

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware/host"
	"example.com/turnkey/tlsconfig"
)

func TestTimeoutsOnBothListeners(t *testing.T) {
	t.Parallel()
	srv := (&Server{}).newServer(http.NotFoundHandler())
	if srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 25*time.Second || srv.WriteTimeout != 30*time.Second || srv.IdleTimeout != 120*time.Second || srv.MaxHeaderBytes != 64<<10 {
		t.Errorf("got %+v", srv)
	}
}

var ginsRun = regexp.MustCompile(`\b(r|router|engine)\.Run(TLS|Unix|Fd|QUIC|Listener)?\(`)

// gin's Run, RunTLS and similar methods serve without timeouts, TLS settings or a shutdown.
func TestGinsRunIsNotCalled(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, room := range []string{".", "../command", "../ports", "../dev", "../../../middleware"} {
		files, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if at := ginsRun.FindString(string(data)); at != "" {
				t.Errorf("%s calls %s…)", file, at)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d files seen", seen)
	}
}

// The compiler could leave out the frame, and nothing else would show it.
func TestStackIsGrownByACall(t *testing.T) {
	const n = 2000
	var called, wait sync.WaitGroup
	wait.Add(1)
	defer wait.Done()
	called.Add(n)
	for range n {
		go func() { growStack(-1); called.Done(); wait.Wait() }()
	}
	called.Wait()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(sample)
	if each := sample[0].Value.Uint64() / n; each < 10<<10 {
		t.Errorf("a goroutine has %d bytes of stack after the call", each)
	}
}

// Without DOMAINS the certificates tell which hosts a site with TLS_MODE=files has, also after a renewal.
func TestHostsFollowTheCertificatesWithoutDomains(t *testing.T) {
	t.Parallel()
	for _, domains := range [][]string{nil, {"old.test"}} {
		s := &Server{hosts: host.NewSet([]string{"old.test"})}
		s.Settings = settings.Settings{Prod: true, Mode: tlsconfig.Files, Domains: domains}
		s.Source = renewedSource{}
		s.updateNames()
		fixed := len(domains) > 0
		if s.hosts.Allows("old.test") != fixed || s.hosts.Allows("new.test") == fixed || s.hosts.Allows("www.new.test") == fixed {
			t.Errorf("with DOMAINS=%q the old name is answered: %v, and a new one: %v",
				domains, s.hosts.Allows("old.test"), s.hosts.Allows("new.test"))
		}
	}
}

// renewedSource has certificates for other names than at the start.
type renewedSource struct{ fixedSource }

func (renewedSource) Status() []tlsconfig.Status {
	return []tlsconfig.Status{{Names: []string{"new.test"}}, {Names: []string{"www.new.test"}}}
}
