package tlsconfig

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/chain/chaintest"
)

var write, read = chaintest.Write, chaintest.Read

// newClientCA makes a CA and a client certificate that it signed.
func newClientCA(t testing.TB, name string, life time.Duration) (ca []byte, client tls.Certificate) {
	t.Helper()
	caKey, key := newECKey(t), newECKey(t)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour),
		NotAfter:  time.Now().Add(life), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "client of " + name},
		NotBefore: root.NotBefore,
		NotAfter:  time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}),
		tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// badClientCAs returns files that hold no usable CAs, and a part of the fault that each must cause.
func badClientCAs(t testing.TB, good []byte, leaf tls.Certificate) map[string]struct {
	data []byte
	says string
} {
	t.Helper()
	old, _ := newClientCA(t, "old", -time.Hour)
	block, _ := pem.Decode(good)
	lines := bytes.SplitAfter(good, []byte("\n"))
	return map[string]struct {
		data []byte
		says string
	}{
		"empty":                   {nil, "no PEM certificate"},
		"text":                    {[]byte("the CA\n"), "no PEM certificate"},
		"HTML":                    {[]byte("<!doctype html>"), "no PEM certificate"},
		"a leaf":                  {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}), "is not a CA certificate"},
		"a leaf after the CA":     {append(bytes.Clone(good), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})...), "certificate 2 in it, of"},
		"cut off":                 {good[:len(good)-30], "block 1 cannot be read"},
		"cut off in the second":   {append(bytes.Clone(good), good[:len(good)/2]...), "block 2 cannot be read"},
		"a line lost":             {append(bytes.Clone(good), bytes.Join(append(lines[:2:2], lines[3:]...), nil)...), "block 2 cannot be read"},
		"damaged before a good":   {append(bytes.Replace(good, []byte("MII"), []byte("M!I"), 1), good...), "block 1 cannot be read"},
		"DER":                     {block.Bytes, "openssl x509 -inform DER"},
		"PKCS#7":                  {pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: block.Bytes}), "openssl pkcs7 -print_certs"},
		"OpenSSL's trusted":       {pem.EncodeToMemory(&pem.Block{Type: "TRUSTED CERTIFICATE", Bytes: block.Bytes}), "openssl x509 -in"},
		"a key with it":           {append(bytes.Clone(good), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})...), "holds a private key"},
		"a request":               {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{1}}), "holds a certificate request"},
		"all of them out of date": {old, "has expired"},
	}
}

func TestOneBadClientCARefusesTheFile(t *testing.T) {
	t.Parallel()
	good, leaf := newClientCA(t, "good", time.Hour)
	for name, bad := range badClientCAs(t, good, leaf) {
		file := filepath.Join(t.TempDir(), "clients.pem")
		write(t, file, bad.data)
		cert, key := pairFor(t, "a.test")
		faults := Check(Options{Mode: Files, CertFiles: []string{cert}, KeyFiles: []string{key}, ClientCAFile: file})
		if len(faults) != 1 || faults[0].Setting != "TLS_CLIENT_CA_FILE" ||
			!strings.Contains(faults[0].Problem, bad.says) {
			t.Errorf("%s: check finds %v, want %q", name, faults, bad.says)
		}
		if _, err := New(Options{Mode: Files, CertFiles: []string{cert}, KeyFiles: []string{key},
			ClientCAFile: file}); err == nil {
			t.Errorf("%s: the start takes it", name)
		}
	}
	for name, data := range map[string][]byte{
		"one": good, "two": append(bytes.Clone(good), good...), "with a byte order mark": append([]byte("\uFEFF"), good...),
		"with text around": append([]byte("# our CA\n"), append(bytes.Clone(good), "\nsubject=x\n"...)...),
		"CR LF":            bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
	} {
		file := filepath.Join(t.TempDir(), "clients.pem")
		write(t, file, data)
		cert, key := pairFor(t, "a.test")
		if faults := Check(Options{Mode: Files, CertFiles: []string{cert}, KeyFiles: []string{key},
			ClientCAFile: file}); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

// clientSite is a source that serves over a socket. The server answers each connection with one byte.
type clientSite struct {
	addr, file string
	log        *lockedBuffer
	reload     func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func serveClients(t *testing.T, mode Mode, ca []byte) *clientSite {
	t.Helper()
	return serveClientsWith(t, mode, ca, t.TempDir())
}

// serveClientsWith is serveClients with a store that other servers may have too.
func serveClientsWith(t *testing.T, mode Mode, ca []byte, cache string) *clientSite {
	t.Helper()
	s := &clientSite{file: filepath.Join(t.TempDir(), "clients.pem"), log: &lockedBuffer{}}
	write(t, s.file, ca)
	certFile, keyFile := pairFor(t, "a.test")
	o := Options{Mode: mode, Domains: []string{"a.test"}, ClientCAFile: s.file,
		Log: slog.New(slog.NewTextHandler(s.log, nil))}
	switch mode {
	case Files:
		o.CertFiles, o.KeyFiles = []string{certFile}, []string{keyFile}
	case ACME: // the store already has the certificate, so the source orders none
		o.Directory, o.CacheDir = "https://127.0.0.1:1/directory", cache
		slot := filepath.Join(o.CacheDir, "127.0.0.1-1-directory")
		if err := os.MkdirAll(slot, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(slot, "a.test.pem"), slices.Concat(read(t, keyFile), read(t, certFile)))
	}
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { source.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	if mode == ACME {
		s.until(t, "certificate read")
	}
	s.reload = source.Reload
	s.addr = chaintest.Serve(t, source.TLSConfig())
	return s
}

// visit reports whether the server accepted the client, and whether the session was resumed.
func (s *clientSite) visit(t *testing.T, config *tls.Config) (in, resumed bool) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", s.addr, config)
	if err != nil {
		return false, false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.ReadFull(conn, make([]byte, 1)) // the ticket of TLS 1.3 or an alert arrives before this byte
	return err == nil, conn.ConnectionState().DidResume
}

// until waits for a line of the log.
func (s *clientSite) until(t *testing.T, words string) {
	t.Helper()
	for begin := time.Now(); !strings.Contains(s.log.String(), words); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("no line says %q:\n%s", words, s.log)
		}
	}
}

// visitorConfig is the configuration of a client that sends its certificate even if the server names other CAs.
func visitorConfig(version uint16, client tls.Certificate) *tls.Config {
	return &tls.Config{
		ServerName: "a.test", InsecureSkipVerify: true, MaxVersion: version,
		ClientSessionCache:   tls.NewLRUClientSessionCache(4),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client, nil },
	}
}

// badFilesChangeNothing installs each bad file. A client that was accepted before must still be, and resume its session
// if it could before.
func (s *clientSite) badFilesChangeNothing(t *testing.T, returning *tls.Config, resumes bool, ca []byte,
	client tls.Certificate) {
	t.Helper()
	for name, bad := range badClientCAs(t, ca, client) {
		write(t, s.file, bad.data)
		s.reload()
		s.until(t, bad.says)
		if in, resumed := s.visit(t, returning); !in || resumed != resumes {
			t.Errorf("%s: with a bad file in place, a client of the old CA is let in: %v, by a resumption: %v", name,
				in, resumed)
		}
	}
	if !strings.Contains(s.log.String(), "level=ERROR") {
		t.Error("a bad file is no ERROR in the log")
	}
}

func TestReplacedClientCAsHoldForHandshakesAndResumptions(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Files, ACME} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(string(mode)+" "+tls.VersionName(version), func(t *testing.T) {
				t.Parallel()
				oldCA, oldClient := newClientCA(t, "old", time.Hour)
				newCA, newClient := newClientCA(t, "new", time.Hour)
				s := serveClients(t, mode, oldCA)
				config := func(client tls.Certificate) *tls.Config { return visitorConfig(version, client) }
				returning := config(oldClient)
				if in, _ := s.visit(t, returning); !in {
					t.Fatal("a client of the old CA is refused before the change")
				}
				resumes := mode == Files || version == tls.VersionTLS13 // the tickets of ACME are for TLS 1.3 alone
				if in, resumed := s.visit(t, returning); !in || resumed != resumes {
					t.Fatalf("a client that returns is let in: %v, by a resumption: %v; want %v", in, resumed, resumes)
				}
				if in, _ := s.visit(t, config(newClient)); in {
					t.Fatal("a client of the new CA is let in before the change")
				}

				s.badFilesChangeNothing(t, returning, resumes, newCA, newClient)

				write(t, s.file, newCA)
				s.reload()
				s.until(t, "client CAs replaced")
				if in, _ := s.visit(t, returning); in {
					t.Error("a client of the old CA resumes after the change")
				}
				if in, _ := s.visit(t, config(oldClient)); in {
					t.Error("a client of the old CA is let in after the change")
				}
				fresh := config(newClient)
				if in, _ := s.visit(t, fresh); !in {
					t.Error("a client of the new CA is refused after the change")
				}
				if in, resumed := s.visit(t, fresh); !in || resumed != resumes {
					t.Errorf("a client of the new CA returns and is let in: %v, by a resumption: %v", in, resumed)
				}
				if in, _ := s.visit(t, &tls.Config{ServerName: "a.test", InsecureSkipVerify: true,
					MaxVersion: version}); in {
					t.Error("a client without a certificate is let in")
				}

				os.Remove(s.file)
				s.reload()
				s.until(t, "no such file")
				if in, _ := s.visit(t, fresh); !in {
					t.Error("the file is gone, and so is the pool")
				}
			})
		}
	}
}

// Servers that share a store share session tickets, and each judges a client's CA for itself.
func TestASessionResumesOnAnotherServerThatTrustsTheClientsCA(t *testing.T) {
	t.Parallel()
	oldCA, client := newClientCA(t, "old", time.Hour)
	newCA, _ := newClientCA(t, "new", time.Hour)
	cache := t.TempDir()
	first, second := serveClientsWith(t, ACME, oldCA, cache), serveClientsWith(t, ACME, oldCA, cache)
	returning := visitorConfig(tls.VersionTLS13, client)
	if in, _ := first.visit(t, returning); !in {
		t.Fatal("the client is refused")
	}
	if in, resumed := second.visit(t, returning); !in || !resumed {
		t.Fatalf("on another server it is let in: %v, by a resumption: %v; want both", in, resumed)
	}
	write(t, second.file, newCA)
	second.reload()
	second.until(t, "client CAs replaced")
	if in, _ := second.visit(t, returning); in {
		t.Error("it resumes where its CA was removed")
	}
	if in, resumed := first.visit(t, returning); !in || !resumed {
		t.Errorf("where its CA is still trusted, it is let in: %v, by a resumption: %v; want both", in, resumed)
	}
}

// The connection of the CA for tls-alpn-01 has no client certificate (RFC 8737). It must work before and after a change
// of the client CAs.
func TestChallengesNeedNoClientCertificate(t *testing.T) {
	t.Parallel()
	ca, _ := newClientCA(t, "clients", time.Hour)
	s := serveClients(t, ACME, ca)
	next, _ := newClientCA(t, "next", time.Hour)
	for range 2 {
		_, err := tls.Dial("tcp", s.addr, &tls.Config{ServerName: "a.test", InsecureSkipVerify: true,
			NextProtos: []string{"acme-tls/1"}})
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") { // there is no order
			t.Errorf("a challenge without an order got %v, want unrecognized name", err)
		}
		write(t, s.file, next)
		s.reload()
		s.until(t, "client CAs replaced")
	}
}

// pairFor writes a pair for names into a new directory.
func pairFor(t testing.TB, names ...string) (certFile, keyFile string) {
	t.Helper()
	cert, key := chaintest.New(t, names...).Good()
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, cert)
	write(t, keyFile, key)
	return certFile, keyFile
}
