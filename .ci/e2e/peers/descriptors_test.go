//go:build unix

package peers

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

const (
	idleConns   = 1012 // that stay open, under a limit of descriptors
	descriptors = 1024
	newVisitors = 482
)

const nginxIdle = `
%[1]s
worker_processes 1;
pid %[2]s/nginx.pid;
error_log stderr;
events { worker_connections 1000; }
http {
	access_log off;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen 127.0.0.1:%[3]d ssl;
		server_name shop.example.test;
		ssl_certificate %[2]s/cert.pem;
		ssl_certificate_key %[2]s/key.pem;
		location / { return 200 "ok\n"; }
	}
}
`

// Under the same limit and beside the same idle connections, new visitors are served as nginx serves them: by closing
// the connections that have been idle longest.
func TestNewVisitorsAreServedBesideIdleConnections(t *testing.T) {
	nginx := rig.Need(t, "nginx")
	var own syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &own); err != nil || own.Cur < 3*idleConns {
		t.Fatalf("this test opens %d connections and may open %d files (%v): raise ulimit -n", idleConns, own.Cur, err)
	}
	ca := rig.NewCA(t, "Site")
	config := &tls.Config{RootCAs: ca.Pool(), ServerName: shop, NextProtos: []string{"http/1.1"}}
	for _, name := range []string{"nginx", "turnkey"} {
		t.Run(name, func(t *testing.T) {
			dir, port := t.TempDir(), rig.Port(t)
			cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
			ca.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, cert, key)
			command := rig.Command{Dir: dir}
			if name == "nginx" {
				conf := filepath.Join(dir, "nginx.conf")
				user := ""
				if syscall.Getuid() == 0 {
					user = "user root;"
				}
				rig.Write(t, conf, fmt.Appendf(nil, nginxIdle, user, dir, port), 0o644)
				command.Path, command.Args = limited(nginx, "-p", dir, "-e", "stderr", "-c", conf, "-g", "daemon off;")
				command.Master = true
			} else {
				command.Path, command.Args = limited(rig.Binary(t))
				command.Env = []string{"HOME=" + dir, "ENV=prod", "TLS_MODE=files", "DOMAINS=" + shop, "TLS_CERT_FILE=" + cert,
					"TLS_KEY_FILE=" + key, "HTTPS_ADDR=" + rig.Loopback(port), "HTTP_ADDR=off"}
			}
			p := rig.Spawn(t, command)
			p.WaitForPort(t, rig.Loopback(port))

			idle := 0
			for range idleConns {
				if conn, err := ask(port, config, "keep-alive"); err == nil {
					idle++
					defer conn.Close()
				}
			}
			served := 0
			for range newVisitors {
				if conn, err := ask(port, config, "close"); err == nil {
					served++
					conn.Close()
				}
			}
			t.Logf("%s: %d idle connections opened, then %d of %d new visitors served", name, idle, served, newVisitors)
			if name == "nginx" {
				return // a figure to compare with
			}
			if idle != idleConns || served != newVisitors {
				t.Errorf("%d of %d idle connections, %d of %d new visitors were served; want all", idle, idleConns, served, newVisitors)
			}
			if n := strings.Count(p.Stdout(), "Accept error"); n > 0 {
				t.Errorf("%d lines tell of failed accepts", n)
			}
		})
	}
}

// limited is the command that runs a program under the limit of descriptors.
func limited(path string, args ...string) (string, []string) {
	script := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, descriptors)
	return "/bin/sh", append([]string{"-c", script, path}, args...)
}

// ask opens a connection and sends one request, which must be answered.
func ask(port int, config *tls.Config, connection string) (net.Conn, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", rig.Loopback(port), config)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n", shop, connection)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "HTTP/1.1 200") {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
