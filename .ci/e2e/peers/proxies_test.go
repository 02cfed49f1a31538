package peers

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// nginxConf contains the README's block, which most guides have too.
const nginxConf = `
%[1]s
worker_processes 1;
pid %[2]s/nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen %[3]s:%[4]d ssl;
		listen %[3]s:%[5]d;
		server_name shop.example.test;
		ssl_certificate %[2]s/cert.pem;
		ssl_certificate_key %[2]s/key.pem;
		%[6]s
	}
}
`

// apacheConf has the README's lines for the whole server.
const apacheConf = `
%[1]s
ServerRoot %[2]s
ServerName shop.example.test
DefaultRuntimeDir %[2]s
PidFile %[2]s/apache.pid
Mutex file:%[2]s
ErrorLog /dev/stderr
%[7]s
Listen %[3]s:%[4]d
Listen %[3]s:%[5]d
%[6]s
<VirtualHost %[3]s:%[4]d>
	SSLEngine on
	SSLCertificateFile %[2]s/cert.pem
	SSLCertificateKeyFile %[2]s/key.pem
</VirtualHost>
<VirtualHost %[3]s:%[5]d>
</VirtualHost>
`

// apacheModules are at Debian's paths. Some builds have a few of them compiled in.
var apacheModules = []string{"mpm_event", "authz_core", "headers", "proxy", "proxy_http", "socache_shmcb", "ssl"}

func TestBehindNginx(t *testing.T) {
	t.Parallel()
	nginx := rig.Need(t, "nginx")
	behind(t, func(t *testing.T, f front) rig.Command {
		user := ""
		if os.Getuid() == 0 {
			user = "user root;"
		}
		conf := filepath.Join(f.dir, "nginx.conf")
		rig.Write(t, conf, fmt.Appendf(nil, nginxConf, user, f.dir, f.ip, f.https, f.http, readme(t, "nginx", f.product)), 0o644)
		return rig.Command{Master: true, Path: nginx, Args: []string{"-p", f.dir, "-e", "stderr", "-c", conf, "-g", "daemon off;"}}
	})
}

func TestBehindApache(t *testing.T) {
	t.Parallel()
	apache := rig.Need(t, "apache2")
	behind(t, func(t *testing.T, f front) rig.Command {
		user := ""
		if os.Getuid() == 0 {
			user = "User www-data\nGroup www-data" // Apache refuses to serve as root
		}
		var modules []string
		for _, m := range apacheModules {
			modules = append(modules, fmt.Sprintf("<IfModule !%[1]s_module>\nLoadModule %[1]s_module /usr/lib/apache2/modules/mod_%[1]s.so\n</IfModule>", m))
		}
		conf := filepath.Join(f.dir, "apache.conf")
		rig.Write(t, conf, fmt.Appendf(nil, apacheConf, user, f.dir, f.ip, f.https, f.http, readme(t, "apache", f.product), strings.Join(modules, "\n")), 0o644)
		return rig.Command{Master: true, Path: apache, Args: []string{"-d", f.dir, "-f", conf, "-DFOREGROUND"}}
	})
}

// readme is the block that the README tells people to copy, for the product on port.
func readme(t *testing.T, language string, port int) string {
	t.Helper()
	text := string(rig.Read(t, filepath.Join("..", "..", "..", "scripts", "deploy", "README.md")))
	_, rest, found := strings.Cut(text, "\n```"+language+"\n")
	block, _, closed := strings.Cut(rest, "\n```")
	if !found || !closed || !strings.Contains(block, "localhost:3000") {
		t.Fatalf("the README has no %s block that leads to localhost:3000", language)
	}
	return strings.ReplaceAll(block, "localhost:3000", fmt.Sprintf("localhost:%d", port))
}

// front is where a proxy listens, and where the product listens behind it.
type front struct {
	dir         string
	ip          string
	https, http int
	product     int
}

// behind tests what must hold behind either proxy.
func behind(t *testing.T, command func(t *testing.T, f front) rig.Command) {
	ca := rig.NewCA(t, "Site")
	f := front{dir: t.TempDir(), ip: rig.OwnAddress(t), https: rig.Port(t), http: rig.Port(t), product: rig.Port(t)}
	ca.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, filepath.Join(f.dir, "cert.pem"), filepath.Join(f.dir, "key.pem"))

	rig.Start(t, t.TempDir(), rig.Env{
		"ENV": "prod", "TLS_MODE": "proxy", "DOMAINS": shop, "HTTP_ADDR": fmt.Sprintf("localhost:%d", f.product),
	})
	proxy := rig.Spawn(t, command(t, f))
	at := func(port int) string { return net.JoinHostPort(f.ip, fmt.Sprint(port)) }
	proxy.WaitForPort(t, at(f.https))
	proxy.WaitForPort(t, at(f.http))

	visitor := rig.VisitorWith(&tls.Config{RootCAs: ca.Pool()})
	visitor.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(f.ip, port))
	}
	secure := func(path string) string { return fmt.Sprintf("https://%s:%d%s", shop, f.https, path) }
	plain := func(path string) string { return fmt.Sprintf("http://%s:%d%s", shop, f.http, path) }
	spoofed := []string{
		"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Host", "elsewhere.example.test", "X-Real-IP", "203.0.113.9",
		"CF-Connecting-IP", "203.0.113.9", "Forwarded", "for=203.0.113.9;proto=http;host=elsewhere.example.test",
	}

	t.Run("the app knows the visitor's address and scheme", func(t *testing.T) {
		for name, header := range map[string][]string{
			"":                              nil,
			", who lies about himself":      append([]string{"X-Forwarded-Proto", "http"}, spoofed...),
			", who lies about it at length": append([]string{"X-Forwarded-For", "198.51.100.1, 127.0.0.1", "X-Forwarded-Proto", "http, http"}, spoofed...),
		} {
			got := rig.Ask(t, visitor, rig.Request{URL: secure("/api/connection"), Host: shop, Header: header})
			var info struct {
				Scheme, Host, Client string
				Proxied              bool
			}
			if err := json.Unmarshal([]byte(got.Body), &info); err != nil {
				t.Fatalf("/api/connection = %s %q: %v", got.Status, got.Body, err)
			}
			if info.Client != f.ip || info.Scheme != "https" || info.Host != shop || !info.Proxied {
				t.Errorf("a visitor%s is %+v, want client %s, scheme https, host %s, proxied", name, info, f.ip, shop)
			}
		}
	})

	t.Run("HSTS is sent if the visitor's scheme is https", func(t *testing.T) {
		for path, want := range map[string]int{"/": 200, "/nothing-here": 404} {
			got := rig.Ask(t, visitor, rig.Request{URL: secure(path), Host: shop})
			if hsts := got.Header["Strict-Transport-Security"]; got.StatusCode != want || len(hsts) != 1 || hsts[0] != "max-age=31536000" {
				t.Errorf("%s over https = %d with Strict-Transport-Security %q, want %d with max-age=31536000", path, got.StatusCode, hsts, want)
			}
			got = rig.Ask(t, visitor, rig.Request{URL: plain(path), Host: shop, Header: []string{"X-Forwarded-Proto", "https"}})
			if hsts, sent := got.Header["Strict-Transport-Security"]; sent {
				t.Errorf("%s over plain http has Strict-Transport-Security %q", path, hsts)
			}
		}
	})

	t.Run("plain http redirects to https", func(t *testing.T) {
		for name, header := range map[string][]string{
			"":                        nil,
			", who says it is https":  append([]string{"X-Forwarded-Proto", "https"}, spoofed...),
			", who says so in a list": {"X-Forwarded-Proto", "https, https", "X-Forwarded-Port", "443"},
		} {
			got := rig.Ask(t, visitor, rig.Request{URL: plain("/a/b?c=d&e=%20f"), Host: shop, Header: header})
			if to, want := got.Header.Get("Location"), "https://"+shop+"/a/b?c=d&e=%20f"; got.StatusCode != http.StatusPermanentRedirect || to != want {
				t.Errorf("a visitor%s = %d to %q, want 308 to %q", name, got.StatusCode, to, want)
			}
		}
	})

	t.Run("other hosts get 421", func(t *testing.T) {
		for _, url := range []string{secure("/"), plain("/")} {
			got := rig.Ask(t, visitor, rig.Request{URL: url, Host: "elsewhere.example.test", Header: []string{"X-Forwarded-Host", shop}})
			if got.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s as another host = %d, want 421", url, got.StatusCode)
			}
		}
	})
}
