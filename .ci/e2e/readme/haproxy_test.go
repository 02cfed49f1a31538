//go:build unix

package readme

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

const balancedHost = "shop.example.test"

// haproxyConf contains the block of the README after the lines of every configuration.
const haproxyConf = `
global
	maxconn 100
defaults
	timeout connect 5s
	timeout client 30s
	timeout server 30s
%s`

// The block in the README of scripts/deploy suffices for HAProxy: the app knows the visitor's address and scheme,
// redirects plain http, and answers other hosts with 421. nginx and Apache have the same test in ../peers.
func TestBehindHAProxyAsTheREADMESays(t *testing.T) {
	t.Parallel()
	b := behindHAProxy(t)
	invented := []string{
		"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Host", "elsewhere.example.test", "X-Forwarded-Proto", "http",
		"X-Real-IP", "203.0.113.9",
	}
	for _, header := range [][]string{nil, invented} {
		got := b.ask(t, "https", "/api/connection", balancedHost, header...)
		var info struct {
			Scheme, Host, Client string
			Proxied              bool
		}
		err := json.Unmarshal([]byte(got.Body), &info)
		if err != nil || info.Client != b.ip || info.Scheme != "https" || info.Host != balancedHost || !info.Proxied {
			t.Errorf("a visitor with %q is %s %v, want client %s, https, proxied", header, got.Body, err, b.ip)
		}
		if hsts := got.Header.Get("Strict-Transport-Security"); hsts != "max-age=31536000" {
			t.Errorf("Strict-Transport-Security is %q", hsts)
		}
	}
	got := b.ask(t, "http", "/a?b=c", balancedHost, "X-Forwarded-Proto", "https")
	to, want := got.Header.Get("Location"), "https://"+balancedHost+"/a?b=c"
	if got.StatusCode != http.StatusPermanentRedirect || to != want {
		t.Errorf("plain http is answered %s to %q, want 308 to %q", got.Status, to, want)
	}
	if got := b.ask(t, "https", "/", "elsewhere.example.test"); got.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host is answered %s, want 421", got.Status)
	}
}

// balanced is the product behind HAProxy.
type balanced struct {
	ip      string
	ports   map[string]int // by scheme
	visitor *http.Client
}

// behindHAProxy starts both.
func behindHAProxy(t *testing.T) balanced {
	t.Helper()
	haproxy := rig.Need(t, "haproxy")
	dir, ca, product := t.TempDir(), rig.NewCA(t, "Site"), rig.Port(t)
	b := balanced{ip: rig.OwnAddress(t), ports: map[string]int{"https": rig.Port(t), "http": rig.Port(t)}}
	cert, key, pair := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "pair.pem")
	ca.Issue(t, rig.Leaf{Names: []string{balancedHost}}).Write(t, cert, key)
	rig.Write(t, pair, slices.Concat(rig.Read(t, cert), rig.Read(t, key)), 0o600)
	conf := filepath.Join(dir, "haproxy.cfg")
	rig.Write(t, conf, fmt.Appendf(nil, haproxyConf, haproxyBlock(t, map[string]string{
		"bind :443 ":                   fmt.Sprintf("bind %s:%d ", b.ip, b.ports["https"]),
		"bind :80\n":                   fmt.Sprintf("bind %s:%d\n", b.ip, b.ports["http"]),
		"/etc/haproxy/example.com.pem": pair,
		"localhost:3000":               fmt.Sprintf("localhost:%d", product),
	})), 0o644)

	rig.Start(t, t.TempDir(), rig.Env{
		"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": balancedHost, "HTTP_ADDR": fmt.Sprintf("localhost:%d", product),
	})
	proxy := rig.Spawn(t, rig.Command{Path: haproxy, Args: []string{"-db", "-f", conf}})
	for _, port := range b.ports {
		proxy.WaitForPort(t, net.JoinHostPort(b.ip, fmt.Sprint(port)))
	}
	b.visitor = rig.VisitorWith(&tls.Config{RootCAs: ca.Pool()})
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(b.ip, port))
	}
	b.visitor.Transport.(*http.Transport).DialContext = dial
	return b
}

func (b balanced) ask(t *testing.T, scheme, path, host string, header ...string) rig.Answer {
	t.Helper()
	url := fmt.Sprintf("%s://%s:%d%s", scheme, balancedHost, b.ports[scheme], path)
	return rig.Ask(t, b.visitor, rig.Request{URL: url, Host: host, Header: header})
}

// haproxyBlock returns the README's first block, of two, with the test's ports and files in place of its own, each of which must be
// there.
func haproxyBlock(t *testing.T, replace map[string]string) string {
	t.Helper()
	text := string(rig.Read(t, filepath.Join(root, "scripts", "deploy", "README.md")))
	found := document{text: text}.blocks("haproxy")
	if len(found) != 2 { // the second is for package fleet
		t.Fatalf("%d blocks for HAProxy", len(found))
	}
	block := found[0]
	for old, new := range replace {
		if !strings.Contains(block, old) {
			t.Fatalf("the block has no %q:\n%s", old, block)
		}
		block = strings.ReplaceAll(block, old, new)
	}
	return block
}
