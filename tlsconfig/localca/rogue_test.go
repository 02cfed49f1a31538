package localca

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// server is a host name, with the chain that is served for it on a port of its own.
type server struct {
	host  string
	port  int
	chain []byte
}

// Everything that may trust the root must refuse, in a real handshake, what an attacker with the key of the
// intermediate would sign. It must accept what the CA signs itself, or the refusals would prove nothing.
func TestEveryVerifierRefusesRogueNames(t *testing.T) {
	t.Parallel()
	ca, err := New()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, ca.RootPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	var servers []server
	for _, host := range []string{"shop.test", "localhost", "bank.example.com", "google.com"} {
		chain, key, err := ca.Issue([]string{"shop.test", "localhost"})
		if rogue(host) {
			chain, key, err = forgeChain(ca, host)
		}
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, server{host, serveChain(t, chain, key), chain})
	}
	for name, visit := range map[string]func(t *testing.T, root string, s server) (ok bool, out string){
		"curl": visitCurl, "python": visitPython, "node": visitNode,
		"nss": func(t *testing.T, _ string, s server) (bool, string) { return visitNSS(t, ca, s.chain) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range servers {
				ok, out := visit(t, root, s)
				s.judge(t, ok, out)
			}
		})
	}
	t.Run("java", func(t *testing.T) { // visits all in one process, which takes a second to begin
		t.Parallel()
		out := visitJava(t, root, servers)
		for _, s := range servers {
			s.judge(t, strings.Contains(out, s.host+" is fine\n"), out)
		}
	})
}

// rogue reports whether the CA may not sign for a host.
func rogue(host string) bool { return strings.HasSuffix(host, ".com") }

// judge checks what a verifier made of the server's chain.
func (s server) judge(t *testing.T, ok bool, out string) {
	t.Helper()
	if ok == rogue(s.host) {
		t.Errorf("%s: accepted %v, want %v:\n%s", s.host, ok, !ok, out)
	}
}

func forgeChain(ca *CA, host string) (chain, key []byte, err error) {
	free := *ca
	issuer := *ca.issuer
	issuer.PermittedDNSDomains = []string{host}
	free.issuer = &issuer
	return free.Issue([]string{host})
}

// serveChain answers 200 over TLS on a port of its own.
func serveChain(t *testing.T, chain, key []byte) int {
	t.Helper()
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	fine := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	srv := &http.Server{Handler: fine, ErrorLog: log.New(io.Discard, "", 0)}
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })
	return ln.Addr().(*net.TCPAddr).Port
}

// tool finds a program, or skips.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not here", name)
	}
	return path
}

func outcome(cmd *exec.Cmd) (bool, string) {
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return err == nil && strings.Contains(string(out), "fine"), string(out)
}

func visitCurl(t *testing.T, root string, s server) (bool, string) {
	return outcome(exec.Command(tool(t, "curl"), "-sS", "--max-time", "20", "--cacert", root, "--resolve",
		fmt.Sprintf("%s:%d:127.0.0.1", s.host, s.port), fmt.Sprintf("https://%s:%d/", s.host, s.port)))
}

func visitPython(t *testing.T, root string, s server) (bool, string) {
	return outcome(exec.Command(tool(t, "python3"), "-c", fmt.Sprintf(`
import socket, ssl
c = ssl.create_default_context(cafile=%q)
with c.wrap_socket(socket.create_connection(("127.0.0.1", %d), 20), server_hostname=%q) as s:
    print("fine")`, root, s.port, s.host)))
}

func visitNode(t *testing.T, root string, s server) (bool, string) {
	return outcome(exec.Command(tool(t, "node"), "-e", fmt.Sprintf(`
const s = require("tls").connect({host: "127.0.0.1", port: %d, servername: %q, ca: require("fs").readFileSync(%q)},
  () => { console.log("fine"); s.destroy() });
s.on("error", e => { console.error(e.message); process.exit(1) })`, s.port, s.host, root)))
}

// visitJava returns what a program printed that visits all servers: a line for each.
func visitJava(t *testing.T, root string, servers []server) string {
	java, keytool, dir := tool(t, "java"), tool(t, "keytool"), t.TempDir()
	if err := exec.Command(java, "--list-modules").Run(); err != nil {
		t.Skip("java does not run here")
	}
	store := filepath.Join(dir, "trust.p12")
	if out, err := exec.Command(keytool, "-importcert", "-noprompt", "-alias", "root", "-file", root, "-keystore",
		store, "-storepass", "changeit").CombinedOutput(); err != nil {
		t.Fatalf("keytool: %v\n%s", err, out)
	}
	source := filepath.Join(dir, "Visit.java")
	if err := os.WriteFile(source, []byte(`
import javax.net.ssl.*;
public class Visit {
  static void visit(String host, int port) throws Exception {
    java.net.Socket plain = new java.net.Socket("127.0.0.1", port);
    SSLSocket s = (SSLSocket) ((SSLSocketFactory) SSLSocketFactory.getDefault()).createSocket(plain, host, port, true);
    SSLParameters p = s.getSSLParameters();
    p.setEndpointIdentificationAlgorithm("HTTPS");
    s.setSSLParameters(p);
    s.startHandshake();
  }
  public static void main(String[] a) {
    for (int i = 0; i < a.length; i += 2) {
      try {
        visit(a[i], Integer.parseInt(a[i + 1]));
        System.out.println(a[i] + " is fine");
      } catch (Exception e) {
        System.out.println(a[i] + ": " + e);
      }
    }
  }
}`), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-Djavax.net.ssl.trustStore=" + store, "-Djavax.net.ssl.trustStorePassword=changeit", source}
	for _, s := range servers {
		args = append(args, s.host, strconv.Itoa(s.port))
	}
	out, err := exec.Command(java, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("java: %v\n%s", err, out)
	}
	return string(out)
}

// visitNSS asks the verifier of Chromium's and Firefox's certificate databases.
func visitNSS(t *testing.T, ca *CA, chain []byte) (bool, string) {
	certutil, dir := tool(t, "certutil"), t.TempDir()
	leaf := parseLeaf(chain)
	run := func(args ...string) (string, error) {
		out, err := exec.Command(certutil, append(args, "-d", "sql:"+dir)...).CombinedOutput()
		return string(out), err
	}
	if out, err := run("-N", "--empty-password"); err != nil {
		t.Fatal(out)
	}
	for name, add := range map[string]struct {
		trust string
		pem   []byte
	}{"root": {"C,,", ca.RootPEM()}, "middle": {",,", certPEM(ca.issuer)}, "leaf": {",,", certPEM(leaf)}} {
		file := filepath.Join(dir, name+".pem")
		if err := os.WriteFile(file, add.pem, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := run("-A", "-n", name, "-t", add.trust, "-i", file); err != nil {
			t.Fatal(out)
		}
	}
	out, err := run("-V", "-n", "leaf", "-u", "V", "-e")
	return err == nil, out
}
