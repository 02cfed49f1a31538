package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"example.com/turnkey/tlsconfig/localca"
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

// openAuthority starts the authority, which validates challenges at the site's ports. The caller closes it, also after
// an error.
func (r *rehearsal) openAuthority(ctx context.Context) error {
	a := &authority{caFile: filepath.Join(r.dir, "directory.pem"), rootFile: filepath.Join(r.dir, "root.pem"),
		issued: map[string]bool{}}
	r.authority = a
	var addrs [4]string
	for i := range addrs {
		port, err := privatePort()
		if err != nil {
			return err
		}
		addrs[i] = loopback(port)
	}
	dns, dnsManage, listen, manage := addrs[0], addrs[1], addrs[2], addrs[3]
	own, configFile, err := r.configure(listen, manage)
	if err != nil {
		return err
	}
	names, err := r.startPebble(pebbleDNS, nil, "-dnsserver", dns, "-management", dnsManage, "-defaultIPv4", "127.0.0.1",
		"-defaultIPv6", "", "-http01", "", "-https01", "", "-doh", "", "-tlsalpn01", "")
	if err != nil {
		return err
	}
	if err := names.listens(ctx, dns); err != nil {
		return err
	}
	// Without these Pebble waits at random, rejects good nonces at random, and reuses an old validation for a new order.
	calm := []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0"}
	server, err := r.startPebble(pebble, calm, "-config", configFile, "-dnsserver", dns)
	if err != nil {
		return err
	}
	for _, addr := range []string{listen, manage} {
		if err := server.listens(ctx, addr); err != nil {
			return err
		}
	}
	a.directory = "https://" + listen + "/dir"
	client := newClient(own)
	if _, _, err := get(ctx, client, a.directory, ""); err != nil { // it answers
		return fmt.Errorf("asking the CA: %w", err)
	}
	resp, root, err := get(ctx, client, "https://"+manage+"/roots/0", "")
	if err != nil || resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("the CA does not give its root: %v", resp), err)
	}
	a.roots = x509.NewCertPool()
	if !a.roots.AppendCertsFromPEM(root) {
		return errors.New("the CA's root is no certificate")
	}
	return os.WriteFile(a.rootFile, root, 0o644)
}

// configure writes Pebble's configuration, and the certificate of its own HTTPS, whose root it returns.
func (r *rehearsal) configure(listen, manage string) (own *x509.CertPool, configFile string, err error) {
	ca, err := localca.New()
	if err != nil {
		return nil, "", err
	}
	cert, key, err := ca.Issue([]string{"127.0.0.1"})
	if err != nil {
		return nil, "", err
	}
	certFile, keyFile := filepath.Join(r.dir, "directory-chain.pem"), filepath.Join(r.dir, "directory.key")
	configFile = filepath.Join(r.dir, "pebble.json")
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": manage, "certificate": certFile, "privateKey": keyFile,
		"httpPort": r.plain, "tlsPort": r.https, "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"practice": map[string]any{"description": "for a rehearsal",
			"validityPeriod": int(r.life.Seconds())}},
	}})
	for name, data := range map[string][]byte{r.authority.caFile: ca.RootPEM(), certFile: cert, keyFile: key,
		configFile: config} {
		err = errors.Join(err, os.WriteFile(name, data, 0o600))
	}
	own = x509.NewCertPool()
	own.AddCert(ca.Root())
	return own, configFile, err
}

// startPebble runs a program of Pebble's with an environment of its own: an inherited PEBBLE_VA_ALWAYS_VALID would make
// it issue without validation.
func (r *rehearsal) startPebble(name string, env []string, args ...string) (*part, error) {
	path, err := tool(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	if runtime.GOOS == "windows" {
		cmd.Env = append(cmd.Env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	p, err := r.start(name, cmd, r.authority.listen)
	if err == nil {
		r.authority.parts = append(r.authority.parts, p)
	}
	return p, err
}

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
		p.Stop(0) // it keeps nothing
	}
}
