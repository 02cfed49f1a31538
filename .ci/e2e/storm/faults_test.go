package storm

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// The store fails between the order and the first write of its result.
func TestIssuedCertificateIsNeverLost(t *testing.T) {
	t.Run("when it is the first", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, rig.PebbleOptions{}, nil)
		var once sync.Once
		var mend func()
		s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if s.pebble.IsNewOrder(r) {
				once.Do(func() { mend = breakStore(t, s.cache) })
			}
			return false
		})
		p := s.start()
		leaf := s.served(shop)
		s.errorLine(p, "a restart now would lose it")
		mend()
		s.kept(shop + ".pem")
		p.Signal(t, syscall.SIGKILL)
		p.ExitCode(t, patience)
		s.start()
		if got := s.served(shop); !got.Equal(leaf) {
			t.Error("after a restart another certificate is served")
		}
		s.wantOrders(1)
	})
	t.Run("when it is a renewal", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 24 * time.Second}}, nil)
		p := s.start()
		first := s.served(shop)
		before := rig.Read(t, s.kept(shop+".pem"))
		mend := breakStore(t, s.cache)
		second := s.served(shop, first)
		s.errorLine(p, "a restart now would lose it")
		mend()
		rig.Eventually(t, patience, "the renewed certificate in the store", func() bool {
			return string(rig.Read(t, s.kept(shop+".pem"))) != string(before)
		})
		s.wantOrders(2)
		if slices.Equal(first.RawSubjectPublicKeyInfo, second.RawSubjectPublicKeyInfo) {
			t.Error("the renewal has the old key")
		}
	})
}

// A container restarts on each failure, and the site's name has no address here.
func TestCrashLoopOrdersAtMostTwice(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{HTTPPort: rig.Port(t), TLSPort: rig.Port(t)}, nil)
	s.pebble.Intercept(func(http.ResponseWriter, *http.Request) bool {
		time.Sleep(100 * time.Millisecond) // so that the first process ends during an order
		return false
	})
	for i := range 10 {
		p := s.start()
		if i == 0 {
			rig.Eventually(t, patience, "the first order", func() bool { return s.pebble.OrdersAsked() > 0 })
		} else {
			time.Sleep(500 * time.Millisecond)
		}
		p.Signal(t, syscall.SIGKILL)
		p.ExitCode(t, patience)
	}
	if got := s.pebble.OrdersAsked(); got < 1 || got > 2 {
		t.Errorf("orders asked for in ten lives = %d, want 1 or 2", got)
	}
	// After a fix the operator can order at once and need not wait for the backoff.
	asked := s.pebble.OrdersAsked()
	p := s.start()
	time.Sleep(500 * time.Millisecond)
	s.wantOrders(asked)
	p.Signal(t, syscall.SIGHUP)
	rig.Eventually(t, patience, "another attempt after SIGHUP", func() bool { return s.pebble.OrdersAsked() > asked })
	p.Signal(t, syscall.SIGKILL)
	p.ExitCode(t, patience)
	asked = s.pebble.OrdersAsked()
	s.env = s.env.With(rig.Env{"ACME_EMAIL": "owner@example.test"})
	s.start()
	rig.Eventually(t, patience, "another attempt under another setting", func() bool { return s.pebble.OrdersAsked() > asked })
}

// Handshakes and requests of scanners, with names that are not the site's.
func TestScannersOrderNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{}, nil)
	p := s.start()
	s.served(shop)
	addr := rig.Loopback(s.https)
	for i := range 1000 {
		if _, err := rig.Handshake(addr, &tls.Config{ServerName: fmt.Sprintf("x%d.example.test", i), InsecureSkipVerify: true}); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Fatalf("an unknown name got %v, want the unrecognized_name alert", err)
		}
		name := shop
		if i%2 == 0 {
			name = fmt.Sprintf("y%d.example.test", i)
		}
		if _, err := rig.Handshake(addr, &tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: []string{"acme-tls/1"}}); err == nil {
			t.Fatal("an unknown challenge was answered")
		}
	}
	rsaOnly := &tls.Config{ServerName: shop, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}
	if _, err := rig.Handshake(addr, rsaOnly); err == nil {
		t.Error("a client that knows RSA alone shook hands")
	}
	if _, err := rig.Handshake(addr, &tls.Config{ServerName: shop, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}); err != nil {
		t.Errorf("a client that knows TLS 1.3 alone: %v", err)
	}
	s.wantOrders(1)
	if lines := strings.Count(p.Stdout(), "\n"); lines > 20 {
		t.Errorf("2,000 scans left %d log lines", lines)
	}
}

func TestLastGoodCertificateIsServed(t *testing.T) {
	t.Run("after it has expired, while renewal fails, and after a restart", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 10 * time.Second}}, nil)
		p := s.start()
		leaf := s.served(shop)
		s.kept(shop + ".pem")
		s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
			rig.Problem(w, http.StatusInternalServerError, "serverInternal", "the dog ate it")
			return true
		})
		s.errorLine(p, "the old one is still served")
		time.Sleep(time.Until(leaf.NotAfter) + time.Second)
		if got, err := s.leaf(shop); err != nil || !got.Equal(leaf) {
			t.Errorf("the expired certificate is not served: %v", err)
		}
		if status, body := s.readyz(); status != 503 || !strings.Contains(body, "the dog ate it") {
			t.Errorf("/readyz = %d %s, want 503 and the authority's words", status, body)
		}
		p.Signal(t, syscall.SIGKILL)
		p.ExitCode(t, patience)
		s.start()
		if got := s.served(shop); !got.Equal(leaf) {
			t.Error("after a restart it is another certificate")
		}
	})
	t.Run("a corrupt entry is renamed, logged and replaced", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, rig.PebbleOptions{}, nil)
		p := s.start()
		first := s.served(shop)
		file := s.kept(shop + ".pem")
		p.Signal(t, syscall.SIGTERM)
		p.ExitCode(t, patience)
		whole := rig.Read(t, file)
		rig.Write(t, file, whole[:len(whole)/2], 0o600)
		p = s.start()
		s.errorLine(p, "kept as *.bad")
		s.served(shop, first)
		if got := rig.Read(t, file+".bad"); string(got) != string(whole[:len(whole)/2]) {
			t.Error("the corrupt entry was not kept")
		}
		s.wantOrders(2)
	})
}

// Certificates are renewed for three lifetimes without a visitor.
func TestRenewalNeedsNoVisitors(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": 10 * time.Second}}, rig.Env{"DOMAINS": shop + "," + blog})
	s.start()
	first := s.served(shop)
	time.Sleep(30 * time.Second)
	later, err := s.leaf(shop)
	if err != nil || time.Now().After(later.NotAfter) || later.Equal(first) {
		t.Fatalf("after three lifetimes: %v, not after %s", err, later.NotAfter)
	}
	if got := s.pebble.OrdersAsked(); got < 10 || got > 22 {
		t.Errorf("orders for two hosts in three lifetimes = %d, want two a lifetime and host", got)
	}
}

// The log, /readyz, /metrics and check have the CA's own error, with what to do.
func TestErrorsOfTheCAReachTheOperator(t *testing.T) {
	t.Parallel()
	admin := rig.Port(t)
	s := newScene(t, rig.PebbleOptions{HTTPPort: rig.Port(t), TLSPort: rig.Port(t)}, rig.Env{"ADMIN_ADDR": rig.Loopback(admin)})
	p := s.start()
	line := s.errorLine(p, "http-01")
	for _, want := range []string{"connection", "tls-alpn-01", "port 80 of " + shop} {
		if !strings.Contains(fmt.Sprint(line), want) {
			t.Errorf("the log line does not say %q: %v", want, line)
		}
	}
	if status, body := s.readyz(); status != 503 || !strings.Contains(body, "http-01") {
		t.Errorf("/readyz = %d %s, want the authority's words", status, body)
	}
	metrics := rig.Get(t, http.DefaultClient, fmt.Sprintf("http://%s/metrics", rig.Loopback(admin))).Body
	for _, want := range []string{
		`certificate_not_after_timestamp_seconds{host="` + shop + `"} 0`, `certificate_failed_attempts{host="` + shop + `"} 1`,
		`certificate_orders_total{host="` + shop + `"} 2`, `certificate_last_error_info{error="http-01`, `tls_handshakes_refused_total{reason="no_certificate_yet"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	p.Signal(t, syscall.SIGTERM)
	p.ExitCode(t, patience)
	check := rig.Run(t, t.TempDir(), s.env, "check")
	for _, want := range []string{"the last attempt to get a certificate failed (1 in a row)", "http-01", "port 80 of " + shop, "SIGHUP"} {
		if !strings.Contains(check.Stdout, want) {
			t.Errorf("check does not say %q:\n%s", want, check.Stdout)
		}
	}
}

// A site that cannot pass challenges fails at the staging CA, which does not count against production's limits.
func TestStagingOrderComesFirst(t *testing.T) {
	for name, reached := range map[string]struct{ http, https bool }{
		"not reached": {}, "by http-01 alone": {http: true}, "by tls-alpn-01 alone": {https: true},
	} {
		works := reached.http || reached.https
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, rig.PebbleOptions{}, nil)
			stage := rig.PebbleOptions{HTTPPort: rig.Port(t), TLSPort: rig.Port(t)}
			if reached.http {
				stage.HTTPPort = s.http
			}
			if reached.https {
				stage.TLSPort = s.https
			}
			rehearsal := rig.StartPebble(t, stage)
			bundle := append(rig.Read(t, s.pebble.CAFile), rig.Read(t, rehearsal.CAFile)...)
			ca := filepath.Join(t.TempDir(), "both.pem")
			rig.Write(t, ca, bundle, 0o600)
			s.env = s.env.With(rig.Env{"ACME_REHEARSAL": rehearsal.Directory, "ACME_CA_FILE": ca})
			p := s.start()
			if !works {
				s.errorLine(p, "rehearsal")
				s.wantOrders(0)
				return
			}
			leaf := s.served(shop)
			want := 1
			if reached.http {
				want = 2 // the first one is tried by tls-alpn-01
			}
			if rehearsal.Orders() != want || s.pebble.Orders() != 1 {
				t.Errorf("%d orders in rehearsal and %d after, want %d and 1", rehearsal.Orders(), s.pebble.Orders(), want)
			}
			if _, err := rig.Handshake(rig.Loopback(s.https), &tls.Config{ServerName: shop, RootCAs: s.pebble.Roots(t)}); err != nil {
				t.Errorf("what is served is not the real authority's: %v", err)
			}
			s.kept(shop + ".pem")
			corners, err := os.ReadDir(s.cache)
			if err != nil || len(corners) != 2 {
				t.Errorf("the store has %d corners, want one for each authority", len(corners))
			}
			p.Signal(t, syscall.SIGTERM)
			p.ExitCode(t, patience)
			s.start()
			if got := s.served(shop); !got.Equal(leaf) || rehearsal.Orders() != want {
				t.Error("a restart rehearsed again")
			}
		})
	}
}

// If the staging CA is down, production must not wait for it.
func TestUnavailableStagingDoesNotStopProduction(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{}, nil)
	rehearsal := rig.StartPebble(t, rig.PebbleOptions{HTTPPort: s.http, TLSPort: s.https})
	rehearsal.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		rig.RateLimited(w, "the stage is full", time.Hour)
		return true
	})
	ca := filepath.Join(t.TempDir(), "both.pem")
	rig.Write(t, ca, append(rig.Read(t, s.pebble.CAFile), rig.Read(t, rehearsal.CAFile)...), 0o600)
	s.env = s.env.With(rig.Env{"ACME_REHEARSAL": rehearsal.Directory, "ACME_CA_FILE": ca})
	s.start()
	s.served(shop)
	s.wantOrders(1)
}

func TestProfileIsRequestedFromTheCA(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"classic": 90 * 24 * time.Hour, "shortlived": 160 * time.Hour}}, rig.Env{"ACME_PROFILE": "shortlived"})
	p := s.start()
	leaf := s.served(shop)
	if life := leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Hour); life != 160*time.Hour {
		t.Errorf("lifetime = %s, want 160h", life)
	}
	p.Signal(t, syscall.SIGTERM)
	p.ExitCode(t, patience)
	s.env = s.env.With(rig.Env{"ACME_PROFILE": "imaginary", "ACME_CACHE": t.TempDir()})
	line := s.errorLine(s.start(), "imaginary")
	if !strings.Contains(fmt.Sprint(line["advice"]), "ACME_PROFILE") {
		t.Errorf("no advice about ACME_PROFILE: %v", line)
	}
}

// Each lifetime that CAs issue, now or in future, must lead to one order and then a wait.
func TestEveryLifetimeIsOrderedOnce(t *testing.T) {
	for name, life := range map[string]time.Duration{"90 days": 90 * 24 * time.Hour, "45 days": 45 * 24 * time.Hour, "160 hours": 160 * time.Hour, "2 minutes": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			admin := rig.Port(t)
			s := newScene(t, rig.PebbleOptions{Profiles: map[string]time.Duration{"default": life}}, rig.Env{"ADMIN_ADDR": rig.Loopback(admin)})
			s.start()
			leaf := s.served(shop)
			time.Sleep(5 * time.Second)
			s.wantOrders(1)
			metrics := rig.Get(t, http.DefaultClient, fmt.Sprintf("http://%s/metrics", rig.Loopback(admin))).Body
			_, value, _ := strings.Cut(metrics, `certificate_renewal_timestamp_seconds{host="`+shop+`"} `)
			var at float64
			fmt.Sscan(value, &at)
			left := leaf.NotAfter.Sub(time.Unix(int64(at), 0))
			least, most := life/4, life*3/5
			if life >= 10*24*time.Hour {
				least, most = life/4, life*2/5
			}
			if left < least || left > most {
				t.Errorf("renewed with %s of %s left", left, life)
			}
		})
	}
}

// The CA does not answer and the store blocks for one host. Visitors of the other host are served as fast as before.
func TestVisitorsDoNotWaitForCAOrStore(t *testing.T) {
	t.Parallel()
	s := newScene(t, rig.PebbleOptions{}, nil)
	s.start()
	s.served(shop)
	certFile := s.kept(shop + ".pem")
	calm := s.handshakes(300)

	// Another server uses the same store. A FIFO in place of a second host's entry blocks each reader, and the CA never
	// answers.
	stuck := *s
	stuck.https, stuck.http = rig.Port(t), rig.Port(t)
	pipe := filepath.Join(filepath.Dir(certFile), "stuck.example.test.pem")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Second):
		}
		return true
	})
	stuck.env = s.env.With(rig.Env{"HTTPS_ADDR": rig.Loopback(stuck.https), "HTTP_ADDR": rig.Loopback(stuck.http), "DOMAINS": shop + "," + blog + ",stuck.example.test"})
	stuck.start()
	stuck.served(shop)
	storm := stuck.handshakes(300)
	for _, host := range []string{blog, "stuck.example.test"} {
		start := time.Now()
		if _, err := stuck.leaf(host); err == nil {
			t.Errorf("%s has a certificate", host)
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("a visitor of %s waited %s for an alert, want less than 100ms", host, took)
		}
	}
	t.Logf("p99 of a handshake: calm %s, storm %s", calm, storm)
	// A fifth more, and what varies on a small machine.
	if storm > calm*6/5+20*time.Millisecond {
		t.Errorf("p99 of a handshake = %s, and %s in calm", storm, calm)
	}
}

// handshakes is the 99th percentile of the time of n handshakes.
func (s *scene) handshakes(n int) time.Duration {
	s.t.Helper()
	var took []time.Duration
	for range n {
		start := time.Now()
		if _, err := s.leaf(shop); err != nil {
			s.t.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[n*99/100]
}
