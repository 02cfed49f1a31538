package acme

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// renewalTime is how long a renewed pair may stay unnoticed.
const renewalTime = 10 * time.Second

func TestCertificateFilesAreChosenByServerName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := rig.NewCA(t, "Site")
	first := ca.Issue(t, rig.Leaf{Names: []string{shop}})
	second := ca.Issue(t, rig.Leaf{Names: []string{blog, "*.blog.example.test"}})
	first.Write(t, filepath.Join(dir, "shop.pem"), filepath.Join(dir, "shop.key"))
	second.Write(t, filepath.Join(dir, "blog.pem"), filepath.Join(dir, "blog.key"))
	p := newPorts(t)
	rig.Start(t, dir, p.env().With(pairs("shop.pem,blog.pem", "shop.key,blog.key")))

	for name, want := range map[string]rig.Pair{shop: first, blog: second, "en." + blog: second, "": first} {
		state, err := rig.Handshake(rig.Loopback(p.https), &tls.Config{ServerName: name, RootCAs: ca.Pool(), InsecureSkipVerify: name == ""})
		if err != nil {
			t.Errorf("handshake as %q: %v", name, err)
		} else if !state.PeerCertificates[0].Equal(want.Leaf) {
			t.Errorf("handshake as %q got the certificate for %v", name, state.PeerCertificates[0].DNSNames)
		}
	}
	if _, err := rig.Handshake(rig.Loopback(p.https), &tls.Config{ServerName: "other.example.test", InsecureSkipVerify: true}); !rig.Refused(err, "unrecognized name") {
		t.Errorf("handshake as another host: %v, want unrecognized_name", err)
	}
}

// Each case replaces a pair as a tool does, step by step. The requests of visitors during the replacement must always
// get a matching pair.
func TestRenewedFilesAreServed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		setup func(t *testing.T, dir string, old rig.Pair)
		renew func(t *testing.T, dir string, next rig.Pair)
	}{
		{"certbot points its links at the next version", func(t *testing.T, dir string, old rig.Pair) {
			old.Write(t, filepath.Join(dir, "archive", "fullchain1.pem"), filepath.Join(dir, "archive", "privkey1.pem"))
			link(t, "archive/fullchain1.pem", filepath.Join(dir, "cert.pem"))
			link(t, "archive/privkey1.pem", filepath.Join(dir, "key.pem"))
		}, func(t *testing.T, dir string, next rig.Pair) {
			next.Write(t, filepath.Join(dir, "archive", "fullchain2.pem"), filepath.Join(dir, "archive", "privkey2.pem"))
			for _, l := range [][2]string{{"archive/privkey2.pem", "key.pem"}, {"archive/fullchain2.pem", "cert.pem"}} {
				remove(t, filepath.Join(dir, l[1]))
				time.Sleep(300 * time.Millisecond) // one file is missing
				link(t, l[0], filepath.Join(dir, l[1]))
				time.Sleep(300 * time.Millisecond) // one of the two is new
			}
		}},
		{"Kubernetes swaps the directory behind ..data", func(t *testing.T, dir string, old rig.Pair) {
			old.Write(t, filepath.Join(dir, "..1", "cert.pem"), filepath.Join(dir, "..1", "key.pem"))
			link(t, "..1", filepath.Join(dir, "..data"))
			link(t, "..data/cert.pem", filepath.Join(dir, "cert.pem"))
			link(t, "..data/key.pem", filepath.Join(dir, "key.pem"))
		}, func(t *testing.T, dir string, next rig.Pair) {
			next.Write(t, filepath.Join(dir, "..2", "cert.pem"), filepath.Join(dir, "..2", "key.pem"))
			link(t, "..2", filepath.Join(dir, "..data_tmp"))
			if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a script writes over both files, the key a second later", write, func(t *testing.T, dir string, next rig.Pair) {
			rig.Write(t, filepath.Join(dir, "cert.pem"), next.Chain, 0o644)
			time.Sleep(time.Second)
			rig.Write(t, filepath.Join(dir, "key.pem"), next.Key, 0o600)
		}},
		{"a slow copy writes the key, then the chain in pieces", write, func(t *testing.T, dir string, next rig.Pair) {
			rig.Write(t, filepath.Join(dir, "key.pem"), next.Key, 0o600)
			leaf := len(next.LeafOnly)
			for _, n := range []int{0, leaf / 2, leaf, leaf + 200, len(next.Chain)} {
				rig.Write(t, filepath.Join(dir, "cert.pem"), next.Chain[:n], 0o644)
				time.Sleep(700 * time.Millisecond)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSwap(t, test.setup)
			visits := s.visit(t)
			test.renew(t, s.dir, s.next)
			written := time.Now()
			rig.Eventually(t, renewalTime, "the renewed certificate", func() bool { return s.serves(t, s.next) })
			t.Logf("taken up after %s", time.Since(written).Round(100*time.Millisecond))
			visits.end(t)
		})
	}
}

// Bad files are never served in place of a good pair, however long they stay there.
func TestBadFilesAreNotServed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		bad  func(t *testing.T, s *swap) rig.Pair
	}{
		{"half-written", func(t *testing.T, s *swap) rig.Pair {
			return rig.Pair{Chain: s.next.Chain[:len(s.next.Chain)-100], Key: s.next.Key}
		}},
		{"empty", func(t *testing.T, s *swap) rig.Pair { return rig.Pair{} }},
		{"mismatched", func(t *testing.T, s *swap) rig.Pair {
			return rig.Pair{Chain: s.next.Chain, Key: s.ca.Issue(t, rig.Leaf{Names: []string{shop}}).Key}
		}},
		{"expired", func(t *testing.T, s *swap) rig.Pair {
			return s.ca.Issue(t, rig.Leaf{Names: []string{shop}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
		}},
		{"not valid yet", func(t *testing.T, s *swap) rig.Pair {
			return s.ca.Issue(t, rig.Leaf{Names: []string{shop}, NotBefore: time.Now().Add(time.Hour)})
		}},
		{"for another host", func(t *testing.T, s *swap) rig.Pair { return s.ca.Issue(t, rig.Leaf{Names: []string{blog}}) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSwap(t, write)
			visits := s.visit(t)
			write(t, s.dir, test.bad(t, s))
			rig.Eventually(t, renewalTime, "an error line that names the file", func() bool {
				return len(s.site.Logged(func(line map[string]any) bool {
					return line["level"] == "ERROR" && strings.HasSuffix(fmt.Sprint(line["file"]), "cert.pem")
				})) > 0
			})
			s.site.Signal(t, syscall.SIGHUP) // nor after a SIGHUP
			time.Sleep(time.Second)
			if !s.serves(t, s.old) {
				t.Error("the old certificate is not served any more")
			}
			// After the files are repaired, the new certificate is served.
			write(t, s.dir, s.next)
			rig.Eventually(t, renewalTime, "the certificate that is right again", func() bool { return s.serves(t, s.next) })
			visits.end(t)
		})
	}
}

func TestSIGHUPReloadsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSwap(t, write)
	visits := s.visit(t)
	write(t, s.dir, s.next)
	s.site.Signal(t, syscall.SIGHUP)
	rig.Eventually(t, time.Second, "the certificate after SIGHUP", func() bool { return s.serves(t, s.next) })
	visits.end(t)
}

// A site requires a client certificate: of its staff, or of Cloudflare's Authenticated Origin Pulls.
func TestClientCertificatesAreRequired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	site, staff, strangers := rig.NewCA(t, "Site"), rig.NewCA(t, "Staff"), rig.NewCA(t, "Strangers")
	site.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	rig.Write(t, filepath.Join(dir, "staff.pem"), staff.RootPEM(), 0o644)
	p := newPorts(t)
	rig.Start(t, dir, p.env().With(pairs("cert.pem", "key.pem")).With(rig.Env{"TLS_CLIENT_CA_FILE": "staff.pem"}))

	without := &tls.Config{ServerName: shop, RootCAs: site.Pool()}
	with := func(ca *rig.CA) *tls.Config {
		cert := ca.Issue(t, rig.Leaf{Names: []string{"client.example.test"}}).TLS(t)
		config := without.Clone()
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		return config
	}
	for _, test := range []struct {
		name   string
		config *tls.Config
		alert  string
	}{
		{"no certificate", without, "certificate required"},
		{"a stranger's certificate", with(strangers), "unknown certificate authority"},
	} {
		if err := greet(rig.Loopback(p.https), test.config); !rig.Refused(err, test.alert) {
			t.Errorf("with %s: %v, want the alert %s", test.name, err, test.alert)
		}
	}
	if got := rig.Get(t, rig.VisitorWith(with(staff)), p.secure(shop, "/")); got.StatusCode != 200 {
		t.Errorf("with a certificate of the staff = %d, want 200", got.StatusCode)
	}
}

// Helpers

func pairs(certs, keys string) rig.Env {
	return rig.Env{"TLS_MODE": "files", "TLS_CERT_FILE": certs, "TLS_KEY_FILE": keys}
}

// swap is a site with one pair in files, and the pair that will replace it.
type swap struct {
	dir       string
	addr      string
	ca        *rig.CA
	old, next rig.Pair
	site      *rig.Product
}

func newSwap(t *testing.T, setup func(t *testing.T, dir string, old rig.Pair)) *swap {
	t.Helper()
	ca := rig.NewCA(t, "Site")
	p := newPorts(t)
	s := &swap{
		dir: t.TempDir(), addr: rig.Loopback(p.https), ca: ca,
		old: ca.Issue(t, rig.Leaf{Names: []string{shop}}), next: ca.Issue(t, rig.Leaf{Names: []string{shop}}),
	}
	setup(t, s.dir, s.old)
	s.site = rig.Start(t, s.dir, p.env().With(pairs("cert.pem", "key.pem")).With(rig.Env{"DOMAINS": shop}))
	if !s.serves(t, s.old) {
		t.Fatal("the first pair is not served")
	}
	return s
}

func (s *swap) serves(t *testing.T, want rig.Pair) bool {
	t.Helper()
	state, err := verified(s.addr, shop, s.ca.Pool())
	if err != nil {
		t.Fatalf("a visitor was turned away: %v", err)
	}
	return state.PeerCertificates[0].Equal(want.Leaf)
}

// greet completes a handshake and reads from the server. A TLS 1.3 client learns only then whether its certificate was
// accepted.
func greet(addr string, config *tls.Config) error {
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	return err
}

// visits makes handshakes, one after another, while files change.
type visits struct {
	stop   chan struct{}
	done   sync.WaitGroup
	faults []string
	came   atomic.Int64
}

func (s *swap) visit(t *testing.T) *visits {
	v := &visits{stop: make(chan struct{})}
	v.done.Go(func() {
		for {
			select {
			case <-v.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			n := v.came.Add(1)
			state, err := verified(s.addr, shop, s.ca.Pool())
			if err != nil {
				v.faults = append(v.faults, fmt.Sprintf("visitor %d: %v", n, err))
				continue
			}
			var chain [][]byte
			for _, c := range state.PeerCertificates {
				chain = append(chain, c.Raw)
			}
			if got := bytes.Join(chain, nil); !bytes.Equal(got, der(s.old)) && !bytes.Equal(got, der(s.next)) {
				v.faults = append(v.faults, fmt.Sprintf("visitor %d got a chain of %d that is neither the old nor the new one", n, len(chain)))
			}
		}
	})
	return v
}

func (v *visits) end(t *testing.T) {
	t.Helper()
	seen := v.came.Load()
	rig.Eventually(t, renewalTime, "visitors after the change", func() bool { return v.came.Load() > seen+5 })
	close(v.stop)
	v.done.Wait()
	for _, f := range v.faults {
		t.Error(f)
	}
}

// der is a pair's chain as the server sends it.
func der(p rig.Pair) []byte {
	var out []byte
	for data := p.Chain; ; {
		block, rest := pem.Decode(data)
		if block == nil {
			return out
		}
		out, data = append(out, block.Bytes...), rest
	}
}

// write puts the pair into plain files.
func write(t *testing.T, dir string, p rig.Pair) {
	t.Helper()
	p.Write(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
