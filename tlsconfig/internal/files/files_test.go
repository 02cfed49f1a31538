package files

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/localca"
)

var write, read = chaintest.Write, chaintest.Read

// pairFor writes a pair for names into a fresh directory.
func pairFor(t testing.TB, names ...string) (certFile, keyFile string) {
	t.Helper()
	ca, err := localca.New()
	if err != nil {
		t.Fatal(err)
	}
	chain, key, err := ca.Issue(names)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, chain)
	write(t, keyFile, key)
	return certFile, keyFile
}

func openFiles(t testing.TB, o Options) *Source {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// serial returns the serial number of the certificate that a client gets for name.
func serial(t testing.TB, f *Source, name string) string {
	t.Helper()
	cert, err := f.config.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	if cert == nil {
		return "none"
	}
	return cert.Leaf.SerialNumber.String()
}

func TestTheServerNameChoosesTheCertificate(t *testing.T) {
	t.Parallel()
	certA, keyA := pairFor(t, "a.test", "www.a.test")
	certB, keyB := pairFor(t, "*.b.test", "b.test")
	f := openFiles(t, Options{CertFiles: []string{certA, certB}, KeyFiles: []string{keyA, keyB}})
	a, b := f.pairs[0].cert.Leaf.SerialNumber.String(), f.pairs[1].cert.Leaf.SerialNumber.String()
	for name, want := range map[string]string{
		"a.test": a, "A.Test.": a, "www.a.test": a, "": a, "b.test": b, "x.b.test": b, "x.y.b.test": "none", "c.test": "none", "test": "none", "*.b.test": b,
	} {
		if got := serial(t, f, name); got != want {
			t.Errorf("%q got %s, want %s", name, got, want)
		}
	}
}

func TestOnlyABetterPairIsLoaded(t *testing.T) {
	t.Parallel()
	cert, key := pairFor(t, "a.test")
	f := openFiles(t, Options{CertFiles: []string{cert}, KeyFiles: []string{key}, Domains: []string{"a.test"}})
	first := serial(t, f, "a.test")
	goodCert, goodKey := read(t, cert), read(t, key)
	nextCertFile, nextKeyFile := pairFor(t, "a.test")
	nextCert, nextKey := read(t, nextCertFile), read(t, nextKeyFile)
	otherCertFile, otherKeyFile := pairFor(t, "other.test")

	for _, bad := range []struct {
		name      string
		cert, key []byte
		problem   string
	}{
		{"mismatched", nextCert, goodKey, "belongs to another certificate"},
		{"half a leaf", nextCert[:200], nextKey, "cut off"},
		{"half a chain", nextCert[:len(nextCert)-40], nextKey, "cut off"},
		{"empty", nil, nil, "no PEM certificate"},
		{"no key", nextCert, nil, "no PEM private key"},
		{"for another host", read(t, otherCertFile), read(t, otherKeyFile), "not for a.test"},
	} {
		write(t, cert, bad.cert)
		write(t, key, bad.key)
		f.look(true)
		if got := serial(t, f, "a.test"); got != first {
			t.Errorf("%s: the old certificate is gone", bad.name)
		}
		if got := f.Status()[0].Error; !strings.Contains(got, bad.problem) {
			t.Errorf("%s: the status says %q, want %q", bad.name, got, bad.problem)
		}
	}

	write(t, cert, goodCert)
	write(t, key, goodKey)
	f.look(false)
	if got := f.Status()[0].Error; got != "" {
		t.Errorf("the good pair is back and the status says %q", got)
	}
	write(t, cert, nextCert)
	write(t, key, nextKey)
	f.look(false)
	if serial(t, f, "a.test") != first {
		t.Error("taken up at the first look, when it could still be in the writing")
	}
	f.look(false)
	if serial(t, f, "a.test") == first {
		t.Error("not taken up at the second equal look")
	}
}

func TestRunEndsAndReloadDoesNotWait(t *testing.T) {
	t.Parallel()
	cert, key := pairFor(t, "a.test")
	f := openFiles(t, Options{CertFiles: []string{cert}, KeyFiles: []string{key}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	first := serial(t, f, "a.test")
	nextCert, nextKey := pairFor(t, "a.test")
	write(t, cert, read(t, nextCert))
	write(t, key, read(t, nextKey))
	f.Reload()
	for start := time.Now(); serial(t, f, "a.test") == first; time.Sleep(time.Millisecond) {
		if time.Since(start) > 1500*time.Millisecond { // the files are read every two seconds
			t.Fatal("a reload waited for the clock")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// For each input that covers new code, Go tries for up to a minute to make the input smaller. It leaves out every byte
// and every run of bytes. For files of some kilobytes these are millions of trials, so FuzzPEM would try nothing else.
func FuzzPEM(f *testing.F) {
	if err := flag.Set("test.fuzzminimizetime", "10x"); err != nil {
		f.Fatal(err)
	}
	cert, key := pairFor(f, "a.test")
	f.Add(read(f, cert), read(f, key))
	authority := chaintest.New(f, "a.test")
	for _, row := range slices.Concat(chaintest.Good(), chaintest.Bad()) {
		c, k := row.Pair(authority)
		f.Add(c, k)
	}
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n"), []byte("-----BEGIN PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, c, k []byte) {
		cert, v := content{pair: chain.Read(c, k)}.judge(nil, Options{})
		if v.OK() && cert == nil {
			t.Fatal("a pair without a fault cannot be served")
		}
		if cert == nil {
			return
		}
		if cert.Leaf == nil || cert.PrivateKey == nil || !bytes.Equal(cert.Leaf.Raw, cert.Certificate[0]) {
			t.Fatal("half a pair was taken for a whole one, or the leaf is not the first")
		}
		der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		var served []byte
		for _, c := range cert.Certificate {
			served = append(served, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
		}
		keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if _, err := tls.X509KeyPair(served, keyPEM); err != nil {
			t.Errorf("crypto/tls does not take what is served: %v", err)
		}
	})
}

// BenchmarkGetCertificate measures this package's part of a handshake.
func BenchmarkGetCertificate(b *testing.B) {
	cert, key := pairFor(b, "a.test", "*.b.test")
	f := openFiles(b, Options{CertFiles: []string{cert}, KeyFiles: []string{key}})
	for _, name := range []string{"a.test", "x.b.test", "unknown.test", ""} {
		b.Run("sni="+name, func(b *testing.B) {
			hello := &tls.ClientHelloInfo{ServerName: name}
			b.ReportAllocs()
			for b.Loop() {
				f.config.GetCertificate(hello)
			}
		})
	}
}

func TestProductionRefusesDevelopmentCertificates(t *testing.T) {
	t.Parallel()
	cert, key := pairFor(t, "a.test")
	o := Options{CertFiles: []string{cert}, KeyFiles: []string{key}, Domains: []string{"a.test"}}
	if faults := Check(o); len(faults) > 0 {
		t.Errorf("in development it is a fault: %v", faults)
	}
	o.Prod = true
	if faults := Check(o); len(faults) != 1 || !strings.Contains(faults[0].Problem, "development certificate") ||
		faults[0].Fix == "" {
		t.Errorf("in production got %v, want one fault with its fix", faults)
	}
	o.Log = slog.New(slog.DiscardHandler)
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "development certificate") {
		t.Errorf("a start in production got %v", err)
	}
	// A running server does not load one from its files either.
	a := chaintest.New(t, "a.test")
	good, goodKey := a.Good()
	write(t, cert, good)
	write(t, key, goodKey)
	f := openFiles(t, o)
	first := serial(t, f, "a.test")
	nextCert, nextKey := pairFor(t, "a.test")
	write(t, cert, read(t, nextCert))
	write(t, key, read(t, nextKey))
	f.look(true)
	if serial(t, f, "a.test") != first || !strings.Contains(f.Status()[0].Error, "development certificate") {
		t.Errorf("a development certificate was taken up: %+v", f.Status()[0])
	}
}
