package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// authority is Pebble on this machine, an ACME server for tests, and the DNS server that resolves every name to this
// machine for it.
type authority struct {
	directory string // URL
	caFile    string // root of the directory's own HTTPS, PEM
	rootFile  string // root of what it issues, PEM
	roots     *x509.CertPool
	parts     []*part

	mu     sync.Mutex
	proofs int             // challenges that it validated
	issued map[string]bool // serial numbers, hexadecimal
}

// openAuthority starts an authority that validates challenges at the site's ports and issues certificates that live for
// life. dir is for its files. The caller closes what it returns, also after an error.
func openAuthority(ctx context.Context, dir string, httpsPort, plainPort int, life time.Duration, ended func(error),
	echo func(string)) (*authority, error) {
	a := &authority{caFile: filepath.Join(dir, "directory.pem"), rootFile: filepath.Join(dir, "root.pem"),
		issued: map[string]bool{}}
	keyFile := filepath.Join(dir, "directory.key")
	own, err := selfSigned(a.caFile, keyFile)
	if err != nil {
		return a, err
	}
	var dns, dnsManage, listen, manage string
	for _, addr := range []*string{&dns, &dnsManage, &listen, &manage} {
		port, err := backstage()
		if err != nil {
			return a, err
		}
		*addr = loopback(port)
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "certificate": a.caFile, "privateKey": keyFile,
		"httpPort": plainPort, "tlsPort": httpsPort, "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"practice": map[string]any{"description": "for a rehearsal",
			"validityPeriod": int(life.Seconds())}},
	}})
	if err != nil {
		return a, err
	}
	configFile := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(configFile, config, 0o600); err != nil {
		return a, err
	}

	names, err := a.start(pebbleDNS, nil, echo, ended, "-dnsserver", dns, "-management", dnsManage, "-defaultIPv4",
		"127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-doh", "", "-tlsalpn01", "")
	if err != nil {
		return a, err
	}
	if err := names.listens(ctx, dns); err != nil {
		return a, err
	}
	heard := func(line string) { a.listen(line); echo(line) }
	// Without these Pebble waits at random, rejects good nonces at random, and reuses an old validation for a new order.
	calm := []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0"}
	server, err := a.start(pebble, calm, heard, ended, "-config", configFile, "-dnsserver", dns)
	if err != nil {
		return a, err
	}
	for _, addr := range []string{listen, manage} {
		if err := server.listens(ctx, addr); err != nil {
			return a, err
		}
	}
	a.directory = "https://" + listen + "/dir"
	return a, a.readRoot(own, "https://"+manage+"/roots/0")
}

// start runs a program of Pebble's with an environment of its own: an inherited PEBBLE_VA_ALWAYS_VALID would make it
// issue without validation.
func (a *authority) start(name string, env []string, heard func(string), ended func(error), args ...string) (*part,
	error) {
	path, err := tool(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	if runtime.GOOS == "windows" {
		cmd.Env = append(cmd.Env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	p, err := start(name, cmd, heard, ended)
	if err == nil {
		a.parts = append(a.parts, p)
	}
	return p, err
}

// readRoot requests the directory, which proves that it answers, and the root.
func (a *authority) readRoot(own *x509.CertPool, url string) error {
	client := &http.Client{Timeout: startTime, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own},
		DisableKeepAlives: true}}
	if _, err := read(client, a.directory); err != nil {
		return err
	}
	root, err := read(client, url)
	if err != nil {
		return err
	}
	a.roots = x509.NewCertPool()
	if !a.roots.AppendCertsFromPEM(root) {
		return errors.New("the authority's root is no certificate")
	}
	return os.WriteFile(a.rootFile, root, 0o644)
}

func read(client *http.Client, url string) ([]byte, error) {
	resp, err := client.Get(url)
	if err != nil {
		return nil, fmt.Errorf("asking the authority: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the authority: %s: %s", url, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 1<<20))
}

// listen reads the authority's log.
func (a *authority) listen(line string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if strings.Contains(line, " set VALID by completed challenge ") {
		a.proofs++
	}
	if _, rest, ok := strings.Cut(line, "Issued certificate serial "); ok {
		serial, _, _ := strings.Cut(rest, " ")
		a.issued[strings.TrimLeft(serial, "0")] = true
	}
}

// hasIssued reports whether the authority logged that it issued a certificate, and that it validated a challenge for
// everything it issued.
func (a *authority) hasIssued(leaf *x509.Certificate) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.issued[leaf.SerialNumber.Text(16)] && a.proofs >= len(a.issued)
}

func (a *authority) close() {
	for _, p := range a.parts {
		p.stop(false) // it keeps nothing
	}
}
