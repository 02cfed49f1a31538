package command_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
)

// balanced is a production site whose balancer is 127.0.0.1. ::1 is a stranger.
var balanced = with(prod, "PROXY_PROTOCOL", "on", "TRUSTED_PROXIES", "127.0.0.1,198.51.100.0/24", "HTTP_ADDR", "localhost:0")

// v1 and v2 are headers of the PROXY protocol as HAProxy writes them. v2 has more bytes behind the addresses: TLVs.
func v1(family, client string) string {
	addr := netip.MustParseAddrPort(client)
	return fmt.Sprintf("PROXY %s %s %s %d 443\r\n", family, addr.Addr(), addr.Addr(), addr.Port())
}

func v2(command byte, client string, more int) string {
	addr := netip.MustParseAddrPort(client)
	ip, family := addr.Addr().AsSlice(), byte(0x11)
	if addr.Addr().Is6() {
		family = 0x21
	}
	var b bytes.Buffer
	b.WriteString("\r\n\r\n\x00\r\nQUIT\n")
	b.Write([]byte{0x20 | command, family})
	binary.Write(&b, binary.BigEndian, uint16(2*len(ip)+4+more))
	b.Write(ip)
	b.Write(ip)
	binary.Write(&b, binary.BigEndian, [2]uint16{addr.Port(), 443})
	if more > 0 { // one of type NOOP
		b.WriteByte(4)
		binary.Write(&b, binary.BigEndian, uint16(more-3))
		b.Write(make([]byte, more-3))
	}
	return b.String()
}

const (
	localV2     = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	unknownV1   = "PROXY UNKNOWN\r\n"
	proxyCmd    = 1
	localCmd    = 0
	moreThan4KB = 5000
)

// behind returns the site as seen through a balancer that sends a header, and whether in one piece.
func (s *site) behind(header string, split bool, protocol string) *http.Client {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: s.roots(), ServerName: "shop.test", NextProtos: []string{protocol}},
		ForceAttemptHTTP2: protocol == "h2",
		DialContext:       dialWith(header, split)}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second, CheckRedirect: s.client.CheckRedirect}
}

// dialWith connects and sends a header, in one piece or byte by byte.
func dialWith(header string, split bool) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		var to io.Writer = conn
		if split {
			to = bytewise{conn}
		}
		_, err = io.WriteString(to, header)
		return conn, err
	}
}

// seenBy returns the address of the client as handlers and the access log have it; empty: no answer.
func (s *site) seenBy(client *http.Client, url string, forwarded string) (seen, logged string) {
	s.t.Helper()
	req, err := http.NewRequest("GET", url+"/seen", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Host = "shop.test"
	if forwarded != "" {
		req.Header.Set("X-Forwarded-For", forwarded)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", ""
	}
	defer resp.Body.Close()
	var got command.Seen
	json.NewDecoder(resp.Body).Decode(&got) // a redirect has no body
	entry := s.logged("request", "request_id", resp.Header.Get("X-Request-Id"))
	return got.Client, fmt.Sprint(entry["client"])
}

func TestAPROXYHeaderOfTheBalancerNamesTheClient(t *testing.T) {
	t.Parallel()
	s := start(t, balanced)
	const v4, v6 = "203.0.113.9:38792", "[2001:db8::9]:38792"
	for name, test := range map[string]struct{ header, forwarded, want string }{
		"version 1 over IPv4":                                   {v1("TCP4", v4), "", "203.0.113.9"},
		"version 1 over IPv6":                                   {v1("TCP6", v6), "", "2001:db8::9"},
		"version 2 over IPv4":                                   {v2(proxyCmd, v4, 0), "", "203.0.113.9"},
		"version 2 over IPv6":                                   {v2(proxyCmd, v6, 0), "", "2001:db8::9"},
		"an IPv4 address in IPv6 form":                          {v2(proxyCmd, "[::ffff:203.0.113.9]:1", 0), "", "203.0.113.9"},
		"more than the address":                                 {v2(proxyCmd, v4, 1500), "", "203.0.113.9"},
		"a health check":                                        {localV2, "", "127.0.0.1"},
		"a health check with an address":                        {v2(localCmd, v4, 0), "", "127.0.0.1"},
		"version 1 for a health check":                          {unknownV1, "", "127.0.0.1"},
		"a stranger's X-Forwarded-For":                          {v2(proxyCmd, v4, 0), "192.0.2.1", "203.0.113.9"},
		"a stranger's behind a balancer that does not name him": {unknownV1, "192.0.2.1", "127.0.0.1"},
		"the same in version 2":                                 {"\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x00", "192.0.2.1", ""},
		"the same in a health check":                            {localV2, "192.0.2.1", "127.0.0.1"},
		"a trusted proxy's":                                     {v2(proxyCmd, "198.51.100.7:1", 0), "192.0.2.1", "192.0.2.1"},
		"no header":                                             {"", "", ""},
		"more than 4 KiB":                                       {v2(proxyCmd, v4, moreThan4KB), "", ""},
		"a header that breaks off":                              {localV2[:14], "", ""},
		"an address that is none":                               {"PROXY TCP4 a b 1 2\r\n", "", ""},
		"version 2 for a socket of Unix's":                      {"\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8" + strings.Repeat("\x00", 216), "", "127.0.0.1"},
	} {
		for protocol, url := range map[string]string{"h2": "https://" + s.https, "http/1.1": "https://" + s.https, "plain": "http://" + s.http} {
			for _, split := range []bool{false, true} {
				if split && !strings.HasPrefix(test.header, "\r") {
					continue // senders of version 1 write it at once, and the library insists
				}
				if test.header == localV2[:14] {
					url = "http://" + s.http // what follows on a TLS port would be the rest of the header, and wait for more
				}
				seen, logged := s.seenBy(s.behind(test.header, split, protocol), url, test.forwarded)
				if protocol == "plain" && test.want != "" {
					seen = logged // the redirect tells nothing
				}
				if seen != test.want || test.want != "" && logged != test.want {
					t.Errorf("%s over %s: the client is %q, and %q in the log; want %q", name, protocol, seen, logged, test.want)
				}
			}
		}
	}
	s.logged("a connection from TRUSTED_PROXIES was refused, because it began without a PROXY protocol header")
}

// So a balancer can be tried out on the developer's machine.
func TestADevelopmentSiteReadsPROXYHeadersToo(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "127.0.0.1"})
	for url, want := range map[string]int{"https://" + s.https: 200, "http://" + s.http: 307, "http://" + s.https: 307} {
		client := s.behind(v2(proxyCmd, "203.0.113.9:1", 0), false, "h2")
		client.Transport.(*http.Transport).TLSClientConfig.ServerName = "localhost"
		req, err := http.NewRequest("GET", url+"/seen", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "localhost"
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := s.logged("request", "request_id", resp.Header.Get("X-Request-Id"))["client"]; resp.StatusCode != want || got != "203.0.113.9" {
			t.Errorf("%s got %d as %v, want %d as the client in the header", url, resp.StatusCode, got, want)
		}
	}
}

func TestAStrangersPROXYHeaderIsRefusedAndPlainIsServed(t *testing.T) {
	t.Parallel()
	s := start(t, balanced)
	at := func(addr string) string { return "[::1]" + addr[strings.LastIndexByte(addr, ':'):] }
	for protocol, url := range map[string]string{"h2": "https://" + at(s.https), "http/1.1": "https://" + at(s.https), "plain": "http://" + at(s.http)} {
		for _, header := range []string{v1("TCP4", "203.0.113.9:1"), v2(proxyCmd, "203.0.113.9:1", 0), localV2, unknownV1} {
			client := s.behind(header, false, protocol)
			if resp, err := client.Get(url + "/readyz"); err == nil && resp.StatusCode != 400 {
				t.Errorf("%s with %q got %s, want to be refused", protocol, header, resp.Status)
			}
		}
		if _, logged := s.seenBy(s.behind("", false, protocol), url, "203.0.113.9"); logged != "::1" {
			t.Errorf("%s without a header: the client is %q, want ::1", protocol, logged)
		}
	}
	for _, port := range []string{"HTTPS_ADDR", "HTTP_ADDR"} {
		entry := s.logged("a PROXY protocol header was refused, because its sender is not in TRUSTED_PROXIES", "port", port, "version", "2")
		if fix := fmt.Sprint(entry["fix"]); !strings.Contains(fix, "TRUSTED_PROXIES=::1") {
			t.Errorf("the fix is %q", fix)
		}
	}
}

// The balancer connects, and says nothing for longer than a header may take.
func TestASlowPROXYHeaderDelaysNobody(t *testing.T) {
	t.Parallel()
	s := start(t, balanced)
	var silent []net.Conn
	for i, addr := range []string{s.https, s.http, s.https, s.http} {
		conn, err := net.Dial("tcp", "127.0.0.1"+addr[strings.LastIndexByte(addr, ':'):])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i > 1 {
			io.WriteString(conn, localV2[:5])
		}
		silent = append(silent, conn)
	}
	begin := time.Now()
	for _, url := range []string{"https://" + s.https, "http://" + s.http} {
		if _, logged := s.seenBy(s.behind(v1("TCP4", "203.0.113.9:1"), false, "h2"), url, ""); logged != "203.0.113.9" {
			t.Errorf("beside silent connections the client is %q", logged)
		}
	}
	if took := time.Since(begin); took > headerTimeout-time.Second {
		t.Errorf("beside silent connections it took %s", took)
	}
	for _, conn := range silent {
		conn.SetReadDeadline(begin.Add(headerTimeout + 5*time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("a silent connection is still open: %v", err)
		}
	}
}

// The health check connects from this machine, which may be the balancer's too.
func TestHealthcheckSendsThePROXYHeaderWhereItIsRequired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certs := filepath.Join(dir, "certs")
	testcert.Write(t, certs, "shop.test")
	for name, changes := range map[string][]string{
		"loopback is the balancer":             {"TRUSTED_PROXIES", "127.0.0.1,::1"},
		"the balancer is elsewhere":            {"TRUSTED_PROXIES", "198.51.100.7"},
		"https alone":                          {"TRUSTED_PROXIES", "127.0.0.1,::1", "HTTP_ADDR", "off"},
		"https alone, the balancer elsewhere":  {"TRUSTED_PROXIES", "198.51.100.7", "HTTP_ADDR", "off"},
		"https alone, with client certificate": {"TRUSTED_PROXIES", "127.0.0.1,::1", "HTTP_ADDR", "off", "TLS_CLIENT_CA_FILE", filepath.Join(certs, "ca.pem")},
	} {
		s := start(t, with(balanced, changes...))
		env := with(with(balanced, "TLS_CERT_FILE", filepath.Join(certs, "cert.pem"), "TLS_KEY_FILE", filepath.Join(certs, "key.pem")), changes...)
		env["HTTPS_ADDR"] = s.https
		if env["HTTP_ADDR"] != "off" {
			env["HTTP_ADDR"] = s.http
		}
		var out syncBuffer
		if code := command.Main(t.Context(), command.Sample(), command.World{Args: []string{"healthcheck"}, Lookup: lookupIn(env), Stdout: &out, Stderr: &out}); code != 0 {
			t.Errorf("%s: healthcheck ends with %d: %s", name, code, out.String())
		}
	}
}

func TestPROXYProtocolNeedsTrustedProxiesAndTLS(t *testing.T) {
	t.Parallel()
	certs := filepath.Join(t.TempDir(), "certs")
	testcert.Write(t, certs, "shop.test")
	for _, test := range []struct {
		value, trusted, mode string
		code                 int
		want                 string
	}{
		{"v2", "", "files", 1, "set one of: off, on"},
		{"on", "", "files", 1, "your balancer's own addresses"},
		{"on", "", "proxy", 1, "is for a balancer that passes TLS through"},
		{"on", "10.0.0.7,10.1.0.0/16", "files", 0, "proxy header required from 10.0.0.7/32, 10.1.0.0/16\n"},
		{"off", "10.0.0.7", "files", 0, "proxy header off\n"},
	} {
		env := with(prod, "TLS_MODE", test.mode, "PROXY_PROTOCOL", test.value, "TRUSTED_PROXIES", test.trusted, "HTTPS_ADDR", "127.0.0.1:0", "HTTP_ADDR", "127.0.0.1:0",
			"TLS_CERT_FILE", filepath.Join(certs, "cert.pem"), "TLS_KEY_FILE", filepath.Join(certs, "key.pem"), "DOMAINS", "shop.test")
		var out syncBuffer
		if code := command.Main(t.Context(), command.Sample(), command.World{Args: []string{"check"}, Lookup: lookupIn(env), Stdout: &out, Stderr: &out}); code != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("%v ends with %d and says\n%s", test, code, out.String())
		}
	}
}
