//go:build linux

package bench

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

const caddyVersion = "v2.11.9"

// proxies are nginx and Caddy in front of a bare gin: with the duties of the starter (an access log, an id, the headers)
// and bare. left names those that cannot take part here, with the reason.
func proxies(t *testing.T, dir string) (kinds []kind, left []string) {
	t.Helper()
	equal := duties(t, dir)
	if path, err := rig.Find("nginx"); err != nil {
		left = append(left, "nginx: "+err.Error())
	} else {
		kinds = append(kinds, kind{name: behind, line: `"GET /`, run: nginx(path, equal)},
			kind{name: "nginx → bare gin", run: nginx(path, nil)})
	}
	if path, err := installCaddy(dir); err != nil {
		left = append(left, "Caddy: "+err.Error())
	} else {
		kinds = append(kinds, kind{name: "Caddy → bare gin, equal duties", line: `"msg":"handled request"`, run: caddy(path, equal)},
			kind{name: "Caddy → bare gin", run: caddy(path, nil)})
	}
	return kinds, left
}

// installCaddy builds Caddy, as it is part of no module here: what it requires would change what the peers are built from.
func installCaddy(dir string) (string, error) {
	cmd := exec.Command("go", "install", "-trimpath", "-ldflags", "-s -w", "github.com/caddyserver/caddy/v2/cmd/caddy@"+caddyVersion)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install: %w: %s", err, out)
	}
	return filepath.Join(dir, "caddy"), nil
}

// duty is the headers that the starter sends with a path and bare gin does not. Each server makes its own X-Request-Id.
type duty struct {
	path   string
	header http.Header
}

func duties(t *testing.T, dir string) (all []duty) {
	t.Helper()
	s := start(t, dir, starter, false)
	defer s.stop()
	for _, path := range []string{"/json", "/page", "/static/style.css"} {
		_, header := s.get(t, request{"http/1.1", path, "identity"})
		for _, ofTheAnswer := range []string{"Accept-Ranges", "Cache-Control", "Content-Length", "Content-Type", "Date", "Etag",
			"Vary", "X-Request-Id"} {
			header.Del(ofTheAnswer)
		}
		all = append(all, duty{path, header})
	}
	return all
}

// lines returns a line of a proxy's configuration for each header, in the same order each time.
func (d duty) lines(format string) string {
	var lines []string
	for name, values := range d.header {
		lines = append(lines, fmt.Sprintf(format, name, values[0]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// behindProxy starts the bare gin behind a proxy and returns its address.
func (s *server) behindProxy(t *testing.T, dir string, profiles bool) string {
	t.Helper()
	addr := rig.Loopback(rig.Port(t))
	s.spawn(t, dir, append(s.admin(t, profiles), "HTTP_ADDR="+addr), filepath.Join(dir, "peer"), "behind")
	return addr
}

func nginx(path string, equal []duty) func(*testing.T, *server, string, bool) {
	return func(t *testing.T, s *server, dir string, profiles bool) {
		log, home := "off", t.TempDir()
		var locations strings.Builder
		for _, d := range equal {
			log = s.log
			fmt.Fprintf(&locations, "location = %s { proxy_pass http://gin; add_header X-Request-Id $request_id always;\n%s }\n",
				d.path, d.lines("add_header %s %q always;"))
		}
		conf := strings.NewReplacer("HOME", home, "LOG", log, "GIN", s.behindProxy(t, dir, profiles), "ADDR", s.addr, "DIR", dir,
			"LOCATIONS", locations.String()).Replace(`
daemon off; master_process off; pid HOME/pid; error_log stderr error;
events { worker_connections 4096; }
http {
	access_log LOG;
	client_body_temp_path HOME/body; proxy_temp_path HOME/proxy; fastcgi_temp_path HOME/fcgi; uwsgi_temp_path HOME/uwsgi; scgi_temp_path HOME/scgi;
	keepalive_requests 1000000000; keepalive_timeout 120s;
	upstream gin { server GIN; keepalive 64; keepalive_requests 1000000000; }
	proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
	proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https;
	server {
		listen ADDR ssl http2; server_name shop.test;
		ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
		location / { proxy_pass http://gin; }
		LOCATIONS
	}
}
`)
		rig.Write(t, filepath.Join(home, "nginx.conf"), []byte(conf), 0o644)
		s.spawn(t, home, nil, path, "-e", "stderr", "-p", home, "-c", filepath.Join(home, "nginx.conf"))
	}
}

func caddy(path string, equal []duty) func(*testing.T, *server, string, bool) {
	return func(t *testing.T, s *server, dir string, profiles bool) {
		home, admin, duties := t.TempDir(), "off", ""
		for _, d := range equal {
			duties += fmt.Sprintf("header %s X-Request-Id {http.request.uuid}\n%s\n", d.path, d.lines("header "+d.path+" %s %q"))
		}
		if equal != nil {
			duties += "log {\noutput stdout\nformat json\n}\n"
		}
		if addr := s.admin(t, profiles); addr != nil {
			admin = s.admins[0]
		}
		conf := strings.NewReplacer("HOME", home, "GIN", s.behindProxy(t, dir, profiles), "DIR", dir, "ADMIN", admin, "ADDR", s.addr,
			"PORT", s.addr[strings.LastIndex(s.addr, ":")+1:], "DUTIES", duties).Replace(`{
	admin ADMIN
	auto_https off
	persist_config off
	default_bind 127.0.0.1
	storage file_system HOME
	servers {
		protocols h1 h2
	}
}
https://shop.test:PORT {
	tls DIR/cert.pem DIR/key.pem
	DUTIES
	reverse_proxy GIN
}
`)
		rig.Write(t, filepath.Join(home, "Caddyfile"), []byte(conf), 0o644)
		s.spawn(t, home, nil, path, "run", "--config", filepath.Join(home, "Caddyfile"), "--adapter", "caddyfile")
	}
}
