package local

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/localca"
)

var write, read = chaintest.Write, chaintest.Read

// machine is a computer whose names change.
type machine struct {
	names atomic.Pointer[[]string]
	said  []string
}

func (m *machine) set(names ...string) {
	names = append([]string{"localhost", "127.0.0.1"}, names...)
	m.names.Store(&names)
}

// openLocal opens the source of a development server in dir, and runs it.
func openLocal(t *testing.T, dir string, m *machine) *Source {
	t.Helper()
	source, err := New(Options{Log: slog.New(slog.DiscardHandler), CADir: filepath.Join(dir, "ca"),
		CertFile: filepath.Join(dir, "certs", "cert.pem"), KeyFile: filepath.Join(dir, "certs", "key.pem"),
		Names: func() []string { return *m.names.Load() }, Say: func(line string) { m.said = append(m.said, line) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := source.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return source
}

// serveTLS serves an endless stream of numbers over HTTP/2.
func serveTLS(t *testing.T, source *Source) (addr string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; r.Context().Err() == nil; i++ {
			fmt.Fprintln(w, i)
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2, srv.TLS = true, source.TLSConfig()
	srv.StartTLS()
	t.Cleanup(srv.CloseClientConnections)
	return srv.Listener.Addr().String()
}

func served(t *testing.T, addr string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{ServerName: "localhost", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func TestANewAddressIsServedAndNoConnectionDropped(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(t *testing.T) string{
		"saved": func(t *testing.T) string { return t.TempDir() },
		"in memory": func(t *testing.T) string { // a file is in the place of the folder
			file := filepath.Join(t.TempDir(), "file")
			write(t, file, nil)
			return file
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &machine{}
			m.set()
			dir := place(t)
			source := openLocal(t, dir, m)
			addr := serveTLS(t, source)
			before := served(t, addr)

			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				ForceAttemptHTTP2: true}
			t.Cleanup(transport.CloseIdleConnections)
			resp, err := (&http.Client{Transport: transport}).Get("https://" + addr)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.ProtoMajor != 2 {
				t.Fatalf("spoke %s, want HTTP/2", resp.Proto)
			}
			stream := bufio.NewReader(resp.Body)

			m.set("192.168.77.7", "new.test")
			source.Reload() // a test of the whole program waits for the clock instead
			begin := time.Now()
			after := before
			for after.Equal(before) {
				if time.Since(begin) > 15*time.Second {
					t.Fatal("the new address is not served after 15s")
				}
				if _, err := stream.ReadString('\n'); err != nil {
					t.Fatalf("the open connection was dropped: %v", err)
				}
				after = served(t, addr)
			}
			if !slices.Contains(after.DNSNames, "new.test") || len(after.IPAddresses) != 2 ||
				!after.IPAddresses[1].Equal(net.IPv4(192, 168, 77, 7)) {
				t.Errorf("served for %v %v, want the new names too", after.DNSNames, after.IPAddresses)
			}
			for range 50 {
				if _, err := stream.ReadString('\n'); err != nil {
					t.Fatalf("the open connection was dropped by the swap: %v", err)
				}
			}
			if said := strings.Join(m.said, "\n"); (name == "in memory") != strings.Contains(said, "not saved") {
				t.Errorf("said:\n%s", said)
			}
		})
	}
}

func TestPairIsReplacedInItsLastThirdWithoutARestart(t *testing.T) {
	t.Parallel()
	m := &machine{}
	m.set()
	dir := t.TempDir()
	source := openLocal(t, dir, m)
	addr := serveTLS(t, source)
	before := served(t, addr)

	cert := filepath.Join(dir, "certs", "cert.pem")
	write(t, cert, aged(t, dir, before, 29*24*time.Hour))
	source.Reload()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		after := served(t, addr)
		if !after.Equal(before) && time.Until(after.NotAfter) > 80*24*time.Hour {
			break
		}
		if time.Since(begin) > 5*time.Second {
			t.Fatalf("still served: a certificate until %s", after.NotAfter)
		}
	}
	if cert, err := os.ReadFile(cert); err != nil || strings.Count(string(cert), "BEGIN CERTIFICATE") != 2 {
		t.Errorf("the new pair was not kept: %v", err)
	}
}

// aged signs leaf again with the CA in dir, for an equal life, with the given time left.
func aged(t *testing.T, dir string, leaf *x509.Certificate, left time.Duration) []byte {
	t.Helper()
	var issuer *x509.Certificate
	var key any
	data := read(t, filepath.Join(dir, "ca", "issuer.pem"))
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "PRIVATE KEY" {
			key, _ = x509.ParsePKCS8PrivateKey(block.Bytes)
		} else {
			issuer, _ = x509.ParseCertificate(block.Bytes) // the last one is
		}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(77),
		Subject:  pkix.Name{Organization: []string{localca.Organization}},
		NotAfter: time.Now().Add(left), DNSNames: leaf.DNSNames, IPAddresses: leaf.IPAddresses}
	template.NotBefore = template.NotAfter.Add(leaf.NotBefore.Sub(leaf.NotAfter))
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, leaf.PublicKey, key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Raw}))
}

func TestExpiryIsCheckedHourlyAndNamesEveryFewSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		m.set()
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var all [][]string
		go watch(ctx, func() []string { return *m.names.Load() }, *m.names.Load(), func(names []string) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, names)
		})
		remade := func() [][]string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
		time.Sleep(pairEvery - time.Minute)
		if got := remade(); len(got) != 0 {
			t.Errorf("remade %v without a reason", got)
		}
		time.Sleep(2 * time.Minute)
		if got := remade(); len(got) != 1 {
			t.Errorf("remade %d times in an hour, want once", len(got))
		}
		m.set("10.0.0.9")
		time.Sleep(namesEvery + time.Second)
		if got := remade(); len(got) != 2 || !slices.Contains(got[1], "10.0.0.9") {
			t.Errorf("a new address: remade %v", got)
		}
		cancel()
		synctest.Wait()
	})
}

// The source uses the CA that the browsers trust even if it cannot save the pair.
func TestAFolderThatCannotBeWrittenKeepsTheTrustedCA(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := &machine{}
	m.set("shop.example.com") // which this CA may not sign
	ca, _, err := localca.Open(filepath.Join(dir, "ca"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "certs"), nil) // a file in place of the folder, because tests may run as root
	source := openLocal(t, dir, m)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Root())
	conn, err := tls.Dial("tcp", serveTLS(t, source), &tls.Config{ServerName: "localhost", RootCAs: roots})
	if err != nil {
		t.Fatalf("who trusts the CA refuses what is served: %v", err)
	}
	conn.Close()
	said := strings.Join(m.said, "\n")
	if !strings.Contains(said, "not saved") || !strings.Contains(said, "make that folder writable") ||
		strings.Contains(said, "no browser") {
		t.Errorf("said:\n%s", said)
	}
	if got := source.Status()[0]; got.Error == "" || !got.Usable(time.Now()) || slices.Contains(got.Names, "shop.example.com") {
		t.Errorf("the status is %+v, want usable for private names, with the reason", got)
	}
}

func TestKeyModeIsRestrictedAtTheStart(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no modes here")
	}
	dir := t.TempDir()
	m := &machine{}
	m.set()
	openLocal(t, dir, m)
	key := filepath.Join(dir, "certs", "key.pem")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	openLocal(t, dir, m)
	if info, _ := os.Stat(key); info.Mode().Perm() != 0o600 {
		t.Errorf("the key is %v, want 0600", info.Mode())
	}
}
