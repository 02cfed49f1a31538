package rig

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Pebble is Let's Encrypt's ACME server for tests. It resolves every host to 127.0.0.1 and keeps nothing after its end.
// The product reaches it through a Door.
type Pebble struct {
	*Door
	Directory string // URL of the directory
	CAFile    string // root to trust for that URL, PEM
	manage    string
	client    *http.Client
}

// PebbleOptions are the ports of challenges and the conditions for an account.
type PebbleOptions struct {
	HTTPPort int                      // of http-01
	TLSPort  int                      // of tls-alpn-01
	EAB      map[string]string        // external account keys by id, required if there are any
	Profiles map[string]time.Duration // lifetimes by certificate profile; none: a default of 90 days
	Chain    int                      // intermediates between leaf and root; 0: one
}

// StartPebble starts an ACME server for one test.
func StartPebble(t testing.TB, o PebbleOptions) *Pebble {
	t.Helper()
	bin, err := buildPebble()
	if err != nil {
		t.Fatalf("building Pebble: %v", err)
	}
	dir := t.TempDir()
	ca := NewCA(t, "Directory")
	pair := ca.Issue(t, Leaf{Names: []string{"127.0.0.1"}})
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pair.Write(t, certFile, keyFile)

	dns, manage := Loopback(Port(t)), Loopback(Port(t))
	names := Spawn(t, Command{Path: filepath.Join(bin, "pebble-challtestsrv"+exe()), Args: []string{
		"-dnsserver", dns, "-management", manage, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-doh", "", "-tlsalpn01", "",
	}})
	names.WaitForPort(t, dns)

	listen := Loopback(Port(t))
	p := &Pebble{CAFile: filepath.Join(dir, "root.pem"), manage: Loopback(Port(t)), client: Visitor(ca.Pool())}
	Write(t, p.CAFile, ca.RootPEM(), 0o644)
	if len(o.Profiles) == 0 {
		o.Profiles = map[string]time.Duration{"default": 90 * 24 * time.Hour}
	}
	profiles := map[string]any{}
	for name, life := range o.Profiles {
		profiles[name] = map[string]any{"description": name, "validityPeriod": uint64(life.Seconds())}
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":                  listen,
		"managementListenAddress":        p.manage,
		"certificate":                    certFile,
		"privateKey":                     keyFile,
		"httpPort":                       o.HTTPPort,
		"tlsPort":                        o.TLSPort,
		"externalAccountBindingRequired": len(o.EAB) > 0,
		"externalAccountMACKeys":         o.EAB,
		"keyAlgorithm":                   "ecdsa",
		"profiles":                       profiles,
	}})
	if err != nil {
		t.Fatal(err)
	}
	configFile := filepath.Join(dir, "pebble.json")
	Write(t, configFile, config, 0o644)
	server := Spawn(t, Command{Path: filepath.Join(bin, "pebble"+exe()), Args: []string{"-config", configFile, "-dnsserver", dns}, Env: []string{
		"PEBBLE_VA_NOSLEEP=1",      // without a wait between validations
		"PEBBLE_WFE_NONCEREJECT=0", // rejects no valid nonces at random
		"PEBBLE_AUTHZREUSE=0",      // each order is validated anew
		fmt.Sprintf("PEBBLE_CHAIN_LENGTH=%d", max(o.Chain, 1)),
		"PEBBLE_ALTERNATE_ROOTS=0", // one root
	}})
	server.WaitForPort(t, listen)
	server.WaitForPort(t, p.manage)

	p.Door = openDoor(t, listen, pair.TLS(t), ca.Pool())
	p.Directory = "https://" + p.Addr + "/dir"
	var directory struct{ NewOrder string }
	if err := json.Unmarshal([]byte(Get(t, p.client, "https://"+listen+"/dir").Body), &directory); err != nil {
		t.Fatalf("reading Pebble's directory: %v", err)
	}
	p.newOrder = strings.TrimPrefix(directory.NewOrder, "https://"+listen)
	return p
}

// Roots returns the roots of the certificates that Pebble issues.
func (p *Pebble) Roots(t testing.TB) *x509.CertPool {
	t.Helper()
	return Pool(t, p.RootPEM(t))
}

// RootPEM returns the root in PEM.
func (p *Pebble) RootPEM(t testing.TB) []byte {
	t.Helper()
	return p.managed(t, "roots/0")
}

// Intermediate returns the certificate that signs leaves, in PEM.
func (p *Pebble) Intermediate(t testing.TB) []byte {
	t.Helper()
	return p.managed(t, "intermediates/0")
}

func (p *Pebble) managed(t testing.TB, path string) []byte {
	t.Helper()
	url := fmt.Sprintf("https://%s/%s", p.manage, path)
	answer := Get(t, p.client, url)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, answer.Status)
	}
	return []byte(answer.Body)
}

// SuggestRenewal makes Pebble suggest a renewal between start and end (RFC 9773).
func (p *Pebble) SuggestRenewal(t testing.TB, leaf *x509.Certificate, start, end time.Time) {
	t.Helper()
	window, err := json.Marshal(map[string]any{"suggestedWindow": map[string]time.Time{"start": start, "end": end}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})), "ariResponse": string(window)})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.client.Post(fmt.Sprintf("https://%s/set-renewal-info/", p.manage), "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(resp.Body)
		t.Fatalf("suggesting a renewal: %s %s", resp.Status, answer)
	}
}
