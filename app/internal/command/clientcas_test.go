package command_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/tlsconfig/osfile"
)

// The site reads replaced client CAs on SIGHUP and by itself, in every mode that uses TLS. A connection that is already
// open still knows the certificate that it was shown.
func TestReplacedClientCAsAreLoadedWithoutARestart(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{"files": prod, "local": nil} {
		for _, how := range []string{"SIGHUP", "a wait"} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "clients.pem")
				oldClient, newClient := clientOf(t, file+".old"), clientOf(t, file+".new")
				replace := func(with string) {
					data, err := os.ReadFile(file + with)
					if err == nil {
						err = osfile.Write(file, data, 0o600)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				replace(".old")
				s := start(t, with(settings, "TLS_CLIENT_CA_FILE", file))
				url := pick(settings == nil, "https://localhost/seen", "https://shop.test/seen")
				h2 := s.client.Transport.(*http.Transport)
				caches := map[*http.Transport]tls.ClientSessionCache{}
				for _, transport := range []*http.Transport{h2, onlyHTTP1(h2)} {
					cache := tls.NewLRUClientSessionCache(4)
					caches[transport] = cache
					for i := range 2 {
						info, err := seenBy(transport, url, oldClient, cache)
						if err != nil || info.Resumed != (i == 1) || len(info.Chain) == 0 || info.Hello == nil || fmt.Sprint(info.Protocol) == "" {
							t.Fatalf("visit %d by the old CA's client: %v, %+v", i, err, info)
						}
					}
				}
				replace(".new")
				if how == "SIGHUP" {
					s.Reload()
				}
				s.logged("client CAs replaced; clients whose certificates they did not sign are refused")
				for transport, cache := range caches {
					if info, err := seenBy(transport, url, oldClient, cache); err == nil {
						t.Errorf("the old CA's client is answered after the change, resumed: %v", info.Resumed)
					}
					info, err := seenBy(transport, url, newClient, nil)
					if err != nil || info.ClientNamed == "" || len(info.Chain) == 0 {
						t.Errorf("the new CA's client: %v, %+v", err, info)
					}
				}
			})
		}
	}
}

// seenBy returns what the site sees of a client with that certificate, over a connection of its own.
func seenBy(of *http.Transport, url string, client tls.Certificate, cache tls.ClientSessionCache) (
	info command.Seen, err error,
) {
	transport := of.Clone()
	cfg := transport.TLSClientConfig
	cfg.ClientSessionCache = cache
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client, nil }
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		return info, err
	}
	defer resp.Body.Close()
	return info, json.NewDecoder(resp.Body).Decode(&info)
}

// clientOf makes a CA, whose certificate it writes to a file, and returns a client's certificate.
func clientOf(t *testing.T, file string) tls.Certificate {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	name := pkix.Name{CommonName: strings.TrimPrefix(filepath.Ext(file), ".")}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: name, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	check(err)
	cert, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	check(err)
	check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}), 0o600))
	return tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key}
}
