package storm

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

var drill = flag.Duration("drill", 40*time.Second, "how long the year of renewals lasts")

// Certificates live for seconds, so that a minute has as many renewals as a year, while clients keep connecting. CA,
// store, clock and handshakes are real.
func TestRenewalsUnderLoadFailNoHandshake(t *testing.T) {
	t.Parallel()
	const life = 12 * time.Second // renewed with half of it left
	admin := rig.Port(t)
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": life}}, rig.Env{"DOMAINS": shop + "," + blog, "ADMIN_ADDR": rig.Loopback(admin)})
	p := s.start()
	hosts := []string{shop, blog}
	for _, host := range hosts {
		s.served(host)
	}
	roots := s.pebble.Roots(t)
	goroutines := func() int {
		body := rig.Get(t, http.DefaultClient, fmt.Sprintf("http://%s/debug/pprof/goroutine?debug=1", rig.Loopback(admin))).Body
		n, err := strconv.Atoi(regexp.MustCompile(`total (\d+)`).FindStringSubmatch(body)[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := goroutines()

	var mu sync.Mutex
	serials := map[string]bool{}
	handshakes, failures, worst := 0, 0, time.Duration(0)
	var lastFailure error
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			host := hosts[i%2]
			for time.Since(begin) < *drill {
				start := time.Now()
				state, err := rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: host, RootCAs: roots})
				took := time.Since(start)
				mu.Lock()
				handshakes++
				worst = max(worst, took)
				if err != nil {
					failures++
					lastFailure = err
				} else {
					serials[state.PeerCertificates[0].SerialNumber.String()] = true
				}
				mu.Unlock()
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	orders := s.pebble.OrdersAsked()
	after := goroutines()

	table := fmt.Sprintf("lasted %s, certificates of %s for %d hosts\n%-20s %d\n%-20s %d\n%-20s %d\n%-20s %d\n%-20s %s\n%-20s %d, then %d\n",
		time.Since(begin).Round(time.Second), life, len(hosts), "renewals", len(serials)-len(hosts), "orders", orders,
		"handshakes", handshakes, "failed handshakes", failures, "worst handshake", worst.Round(time.Millisecond), "goroutines", before, after)
	artifacts := filepath.Join("..", "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	rig.Write(t, filepath.Join(artifacts, "drill.txt"), []byte(table), 0o644)
	t.Log(table)

	if failures > 0 {
		t.Errorf("%d of %d handshakes failed, the last with: %v", failures, handshakes, lastFailure)
	}
	// The last order may not have ended when the last client connects.
	if orders < len(serials) || orders > len(serials)+len(hosts) {
		t.Errorf("%d orders for %d certificates seen, want as many", orders, len(serials))
	}
	if want := int(*drill/life) * len(hosts); len(serials)-len(hosts) < want {
		t.Errorf("%d renewals, want %d at least", len(serials)-len(hosts), want)
	}
	if after > before+8 {
		t.Errorf("%d goroutines at the start and %d at the end: discarded managers live on", before, after)
	}
	if lines := p.Logged(func(line map[string]any) bool { return line["level"] == "ERROR" }); len(lines) > 0 {
		t.Errorf("error lines in an uneventful year: %v", lines[0])
	}
}
