package main

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"slices"

	pt "example.com/turnkey/scripts/internal/projecttest"
	"example.com/turnkey/tlsconfig/localca"

	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain makes the test binary the command itself.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_PHONE") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The test runs the command as a developer does, with the real site. The certificate that the command hands over must
// make the site trusted, and after Ctrl-C no port may be open.
func TestPhone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signal that a test could send")
	}
	program := filepath.Join(t.TempDir(), "site")
	build := exec.Command("go", "build", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", program, "../../app")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the site: %v\n%s", err, out)
	}
	https, plain, page := port(t), port(t), port(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-host", "127.0.0.1", "-https", https, "-http", plain, "-page", page, "-site", program)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"TEST_RUN_PHONE=1", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TERM=xterm"}
	var out pt.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	address := "http://127.0.0.1:" + page + "/"
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "Ctrl-C"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come up")
		}
	}

	_, body := get(t, address)
	project := body[bytes.Index(body, []byte("<title>"))+len("<title>"):]
	_, der := get(t, address+string(project[:bytes.IndexByte(project, ' ')])+".crt")
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := pairs(root.Raw)
	if got := out.String(); !strings.Contains(got, sum[:47]) || !strings.Contains(got, sum[48:]) || !strings.Contains(got, address) || !strings.Contains(got, "█") {
		t.Errorf("the terminal lacks the address, its code or the SHA-256 %s:\n%s", sum, got)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	resp, err := (&http.Client{Transport: transport}).Get("https://127.0.0.1:" + https + "/healthz")
	if err != nil {
		t.Fatalf("whoever trusts the certificate does not trust the site: %v", err)
	}
	resp.Body.Close()
	transport.CloseIdleConnections()

	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	for _, p := range []string{https, plain, page} {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+p); err == nil {
			conn.Close()
			t.Errorf("somebody still listens on port %s", p)
		}
	}
}

func TestRefusals(t *testing.T) {
	home := t.TempDir()
	t.Chdir(t.TempDir())
	busy, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := fmt.Sprint(busy.Addr().(*net.TCPAddr).Port)
	for _, test := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{map[string]string{"ENV": "prod"}, nil, "remove ENV and TLS_MODE"},
		{map[string]string{"HOME": "", "LocalAppData": ""}, nil, "set it"},
		{nil, []string{"-host", "8.8.8.8"}, "no private address"},
		{nil, []string{"-host", "127.0.0.1", "-page", taken}, "address"},
		{nil, []string{"-host", "127.0.0.1", "-page", port(t), "-https", taken, "-http", port(t)}, "if make dev runs, stop it first"},
		{nil, []string{"now"}, "-h"},
	} {
		env := map[string]string{"HOME": home, "LocalAppData": home}
		for name, value := range test.env {
			env[name] = value
		}
		var out bytes.Buffer
		err := run(t.Context(), test.args, func(name string) string { return env[name] }, &out, &out)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v %q: %v, want %q", test.env, test.args, err, test.want)
		}
	}
}

const siteURL = "https://192.168.1.20:8443/"

func TestHandover(t *testing.T) {
	srv, root, _ := serve(t)
	for path, want := range map[string]string{
		"/":                  "text/html; charset=utf-8",
		"/phone.css":         "text/css; charset=utf-8",
		"/phone.js":          "text/javascript; charset=utf-8",
		"/shop.mobileconfig": "application/x-apple-aspen-config",
		"/shop.crt":          "application/x-x509-ca-cert",
	} {
		resp, body := get(t, srv.URL+path)
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != want || len(body) == 0 {
			t.Errorf("%s: %s, %q, %d bytes; want %q", path, resp.Status, got, len(body), want)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
	_, der := get(t, srv.URL+"/shop.crt")
	cert, err := x509.ParseCertificate(der)
	if err != nil || !cert.Equal(root) {
		t.Errorf("the certificate is another one: %v", err)
	}
}

// The server has only the paths in the table: no key, no listing, and no file of the page's folder under another name.
func TestHandoverServesOnlyItsFiles(t *testing.T) {
	srv, _, _ := serve(t)
	for _, path := range []string{"/index.html", "/page/", "/page/index.html", "/issuer.pem", "/root.pem", "/certs/key.pem",
		"/../issuer.pem", "/%2e%2e/issuer.pem", "/shop.crt/", "/SHOP.CRT", "//", "/healthz"} {
		resp, body := get(t, srv.URL+path)
		if resp.StatusCode != http.StatusNotFound || bytes.Contains(body, []byte("-----BEGIN")) {
			t.Errorf("%s: %s\n%s", path, resp.Status, body)
		}
	}
	resp, err := http.Post(srv.URL+"/", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s, Allow %q", resp.Status, resp.Header.Get("Allow"))
	}
}

func TestPage(t *testing.T) {
	srv, root, said := serve(t)
	resp, body := get(t, srv.URL+"/")
	for _, want := range []string{pairs(root.Raw), root.Subject.CommonName, `href="` + siteURL + `"`, `data-probe="` + siteURL + `healthz"`,
		`href="/shop.mobileconfig"`, `href="/shop.crt"`, "Certificate Trust Settings", `name="viewport"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, never := range []string{"<script>", "<style", "style=", "onclick", "PRIVATE KEY"} {
		if strings.Contains(string(body), never) {
			t.Errorf("%q is on the page", never)
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src https://192.168.1.20:8443;") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if got := said.String(); got != "127.0.0.1 opened the page\n" {
		t.Errorf("said %q", got)
	}
}

func TestPageOfCAForEveryName(t *testing.T) {
	ca, _, err := localca.Open(localca.Unconstrained(filepath.Join(t.TempDir(), "ca")))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(newHandover("shop", siteURL, ca.Root(), func(string) {}))
	defer srv.Close()
	if _, body := get(t, srv.URL+"/"); !strings.Contains(string(body), "it can vouch for every site") || strings.Contains(string(body), "private names") {
		t.Errorf("the page promises what this CA does not keep:\n%s", body)
	}
}

func TestProfile(t *testing.T) {
	ca, err := localca.New()
	if err != nil {
		t.Fatal(err)
	}
	data := profile("shop & <co>", ca.Root())
	var plist struct {
		Dict struct {
			Keys    []string `xml:"key"`
			Strings []string `xml:"string"`
			Array   struct {
				Dict struct {
					Keys    []string `xml:"key"`
					Strings []string `xml:"string"`
					Data    string   `xml:"data"`
				} `xml:"dict"`
			} `xml:"array"`
		} `xml:"dict"`
	}
	if err := xml.Unmarshal(data, &plist); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	der, err := base64.StdEncoding.DecodeString(plist.Dict.Array.Dict.Data)
	if err != nil || !bytes.Equal(der, ca.Root().Raw) {
		t.Errorf("another certificate is in it: %v", err)
	}
	if got := plist.Dict.Strings[0]; got != "Configuration" {
		t.Errorf("PayloadType %q", got)
	}
	if got := plist.Dict.Array.Dict.Strings[0]; got != "com.apple.security.root" {
		t.Errorf("PayloadType of the payload %q", got)
	}
	if !bytes.Equal(data, profile("shop & <co>", ca.Root())) {
		t.Error("it differs the second time, so it would be installed twice")
	}
}

func TestRank(t *testing.T) {
	for _, test := range []struct{ name, have, want string }{
		{"Wi-Fi before containers", "docker0=172.17.0.1 wlan0=192.168.1.20", "192.168.1.20 172.17.0.1"},
		{"IPv4 before IPv6", "en0=fd12::1 en0=10.0.0.5", "10.0.0.5 fd12::1"},
		{"IPv6 of the network before a virtual machine's IPv4", "vmnet8=172.16.0.1 en0=fd12::1", "fd12::1 172.16.0.1"},
		{"no public, link-local or shared one", "eth0=192.0.2.2 eth0=2001:db8::1 eth0=fe80::1 eth0=169.254.1.1", ""},
		{"the system's order among equals", "eth0=192.168.1.2 wlan0=192.168.1.3", "192.168.1.2 192.168.1.3"},
	} {
		var have []address
		for pair := range strings.FieldsSeq(test.have) {
			device, ip, _ := strings.Cut(pair, "=")
			have = append(have, address{device, net.ParseIP(ip)})
		}
		if got := rank(have); !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}

func TestChosenAddress(t *testing.T) {
	ca, err := localca.New()
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := ownAddress("10.1.2.3", ca); got != "10.1.2.3" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, host := range []string{"8.8.8.8", "laptop.local"} {
		if _, _, err := ownAddress(host, ca); err == nil || !strings.Contains(err.Error(), "leave -host out") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// The code as a camera sees it: dark on light, four modules of light around it, a finder in three of its corners.
func TestTheCodeIsDarkOnLightWithAQuietZone(t *testing.T) {
	const indent, black = "  ", "\x1b[38;5;16;48;5;231m"
	for _, text := range []string{"http://192.168.1.20:8088/", "http://[fd12:3456:789a:bcde:f012:3456:789a:bcde]:8088/"} {
		var dark [][]bool
		for line := range strings.Lines(code(text, indent)) {
			row, colours := strings.CutPrefix(strings.TrimSuffix(line, "\x1b[0m\n"), indent+black)
			if !colours {
				t.Fatalf("%q sets no colours", line)
			}
			var upper, lower []bool
			for _, r := range row {
				upper, lower = append(upper, r == '█' || r == '▀'), append(lower, r == '█' || r == '▄')
			}
			dark = append(dark, upper, lower)
		}
		first := slices.IndexFunc(dark, func(row []bool) bool { return slices.Contains(row, true) })
		if first < 4 {
			t.Fatalf("%d light lines above the code, want 4 at least:\n%s", first, code(text, indent))
		}
		left := slices.Index(dark[first], true)
		size := len(dark[first]) - 2*left
		if (size-17)%4 != 0 || left < 4 || len(dark) < first+size+4 {
			t.Fatalf("%d modules of %d by %d, with %d light ones at the left", size, len(dark[first]), len(dark), left)
		}
		for y, row := range dark {
			for x, is := range row {
				if is && (y < first || y >= first+size || x < left || x >= left+size) {
					t.Errorf("the quiet zone is dark at %d, %d", x, y)
				}
			}
		}
		for _, corner := range [][2]int{{0, 0}, {size - 7, 0}, {0, size - 7}} {
			for y := range 7 {
				for x := range 7 {
					ring := max(3-x, x-3, 3-y, y-3)
					if got := dark[first+corner[1]+y][left+corner[0]+x]; got != (ring != 2) {
						t.Errorf("the finder at %v is %t at %d, %d", corner, got, x, y)
					}
				}
			}
		}
	}
}

// Helpers

func serve(t *testing.T) (*httptest.Server, *x509.Certificate, *bytes.Buffer) {
	t.Helper()
	ca, err := localca.New()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	srv := httptest.NewServer(newHandover("shop", siteURL, ca.Root(), func(line string) { fmt.Fprintln(&said, line) }))
	t.Cleanup(srv.Close)
	return srv, ca.Root(), &said
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// port returns a free port.
func port(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
}
