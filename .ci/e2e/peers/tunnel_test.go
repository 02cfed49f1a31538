package peers

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// tunnelConf does what a tunnel's program does, as far as the development server sees it: TLS ends on another machine,
// and requests arrive over loopback in plain http with the tunnel's host. X-Forwarded-For has a port, as behind IIS and
// Azure.
const tunnelConf = `
		location / {
			proxy_pass http://localhost:%d;
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $remote_addr:$remote_port;
			proxy_set_header X-Forwarded-Proto $scheme;
		}
`

// waitFor waits until a product has logged all the words in one line.
func waitFor(t *testing.T, p *rig.Product, words ...string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
	lines:
		for line := range strings.SplitSeq(p.Stdout(), "\n") {
			for _, w := range words {
				if !strings.Contains(line, w) {
					continue lines
				}
			}
			return
		}
	}
	t.Errorf("no line with %q in:\n%s", words, p.Stdout())
}

// The README's two lines suffice for a tunnel. Without them the log and the page name both.
func TestDevelopmentServerBehindATunnel(t *testing.T) {
	t.Parallel()
	nginx := rig.Need(t, "nginx")
	text := string(rig.Read(t, filepath.Join("..", "..", "..", "scripts", "README.md")))
	lines := regexp.MustCompile("```ini\nDOMAINS=(.*)\nTRUSTED_PROXIES=(.*)\n```").FindStringSubmatch(text)
	if lines == nil {
		t.Fatal("the README has no two lines for a tunnel")
	}
	ca := rig.NewCA(t, "Tunnel")
	f := front{dir: t.TempDir(), ip: "127.0.0.1", https: rig.Port(t), http: rig.Port(t), product: rig.Port(t)}
	ca.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, filepath.Join(f.dir, "cert.pem"), filepath.Join(f.dir, "key.pem"))
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	conf := filepath.Join(f.dir, "nginx.conf")
	rig.Write(t, conf, fmt.Appendf(nil, nginxConf, user, f.dir, f.ip, f.https, f.http, fmt.Sprintf(tunnelConf, f.product)), 0o644)
	proxy := rig.Spawn(t, rig.Command{Master: true, Path: nginx, Args: []string{"-p", f.dir, "-e", "stderr", "-c", conf, "-g", "daemon off;"}})
	proxy.WaitForPort(t, rig.Loopback(f.https))
	visitor := rig.VisitorWith(&tls.Config{RootCAs: ca.Pool()})
	ask := func(path string) rig.Answer {
		t.Helper()
		return rig.Ask(t, visitor, rig.Request{URL: fmt.Sprintf("https://%s:%d%s", shop, f.https, path), Host: shop, Header: []string{"Accept", "text/html"}})
	}
	with := func(t *testing.T, more rig.Env) *rig.Product {
		home := t.TempDir()
		return rig.Start(t, t.TempDir(), rig.Env{
			"HOME": home, "HTTPS_ADDR": rig.Loopback(rig.Port(t)), "HTTP_ADDR": fmt.Sprintf("localhost:%d", f.product),
		}.With(more))
	}
	// These run one after another, since each uses the port that the tunnel forwards to.
	t.Run("without a setting the page and the log name both", func(t *testing.T) {
		p := with(t, nil)
		got := ask("/")
		if got.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(got.Body, "DOMAINS="+shop) || !strings.Contains(got.Body, "TRUSTED_PROXIES="+lines[2]) {
			t.Errorf("the answer is %s\n%s\nwant 421 that names both settings", got.Status, got.Body)
		}
		waitFor(t, p, "host="+shop, "DOMAINS="+shop, "TRUSTED_PROXIES="+lines[2])
	})
	t.Run("with DOMAINS alone the log reports the redirect loop", func(t *testing.T) {
		p := with(t, rig.Env{"DOMAINS": shop})
		if got := ask("/"); got.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("the answer is %s, want the redirect", got.Status)
		}
		waitFor(t, p, "in circles", "TRUSTED_PROXIES="+lines[2])
	})
	t.Run("with the README's lines it works", func(t *testing.T) {
		with(t, rig.Env{"DOMAINS": strings.ReplaceAll(lines[1], "abc.ngrok.app", shop), "TRUSTED_PROXIES": lines[2]})
		if got := ask("/"); got.StatusCode != http.StatusOK {
			t.Errorf("the first page is %s", got.Status)
		}
		if got := ask("/api/connection"); !strings.Contains(got.Body, `"scheme":"https"`) || !strings.Contains(got.Body, `"client":"127.0.0.1"`) {
			t.Errorf("the connection is %s, want https and the address without its port", got.Body)
		}
	})
}

const haproxyConf = `
global
	maxconn 100
defaults
	mode tcp
	timeout connect 5s
	timeout client 5s
	timeout server 5s
listen site
	bind 127.0.0.1:%d
	server site 127.0.0.1:%d %s
`

func TestUnexpectedPROXYHeaderIsReported(t *testing.T) {
	t.Parallel()
	haproxy := rig.Need(t, "haproxy")
	ca := rig.NewCA(t, "Site")
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, cert, key)
	https := rig.Port(t)
	p := rig.Start(t, t.TempDir(), rig.Env{
		"ENV": "prod", "TLS_MODE": "files", "DOMAINS": shop, "TLS_CERT_FILE": cert, "TLS_KEY_FILE": key,
		"HTTPS_ADDR": rig.Loopback(https), "HTTP_ADDR": "off",
	})
	for option, version := range map[string]string{"send-proxy": "1", "send-proxy-v2": "2", "": ""} {
		port := rig.Port(t)
		conf := filepath.Join(dir, "haproxy"+version+".cfg")
		rig.Write(t, conf, fmt.Appendf(nil, haproxyConf, port, https, option), 0o644)
		proxy := rig.Spawn(t, rig.Command{Path: haproxy, Args: []string{"-db", "-f", conf}})
		proxy.WaitForPort(t, rig.Loopback(port))
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", rig.Loopback(port), &tls.Config{ServerName: shop, RootCAs: ca.Pool()})
		if err == nil {
			conn.Close()
		}
		if (err == nil) != (option == "") {
			t.Errorf("through HAProxy with %q the handshake ends with %v", option, err)
		}
		if option != "" {
			waitFor(t, p, `"level":"WARN"`, "PROXY protocol header", `"version":"`+version+`"`, `"port":"HTTPS_ADDR"`, "send-proxy")
		}
	}
}
