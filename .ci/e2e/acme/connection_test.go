package acme

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// The server uses forwarding headers of proxies that TRUSTED_PROXIES names, and of no other client.
func TestClientAddressComesFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := rig.NewCA(t, "Site")
	ca.Issue(t, rig.Leaf{Names: []string{shop}}).Write(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	said := []string{"CF-Connecting-IP", "203.0.113.9", "X-Forwarded-For", "198.51.100.1", "X-Forwarded-Proto", "https"}

	for _, test := range []struct {
		name string
		env  rig.Env
		want string
	}{
		{"trusted, by its own header", rig.Env{"TRUSTED_PROXIES": "127.0.0.1/32", "CLIENT_IP_HEADER": "CF-Connecting-IP"}, "203.0.113.9"},
		{"trusted, by the common header", rig.Env{"TRUSTED_PROXIES": "127.0.0.1"}, "198.51.100.1"},
		{"another address is trusted", rig.Env{"TRUSTED_PROXIES": "192.0.2.0/24", "CLIENT_IP_HEADER": "CF-Connecting-IP"}, "127.0.0.1"},
		{"Cloudflare is trusted, and this is not Cloudflare", rig.Env{"TRUSTED_PROXIES": "cloudflare", "CLIENT_IP_HEADER": "CF-Connecting-IP"}, "127.0.0.1"},
		{"no address is trusted", nil, "127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPorts(t)
			rig.Start(t, dir, p.env().With(pairs("cert.pem", "key.pem")).With(test.env))
			got := connection(t, rig.Visitor(ca.Pool()), rig.Request{URL: p.secure(shop, "/api/connection"), Header: said})
			if got.Client != test.want {
				t.Errorf("client = %s, want %s", got.Client, test.want)
			}
		})
	}
}

// Helpers

// connectionInfo is the part of /api/connection that is the same in every run.
type connectionInfo struct {
	Scheme, Protocol, Host, Client string
	Proxied                        bool
	TLS, ALPN                      string
	ServerName                     string `json:"server_name"`
}

func connection(t *testing.T, c *http.Client, r rig.Request) connectionInfo {
	t.Helper()
	answer := rig.Ask(t, c, r)
	var info connectionInfo
	if err := json.Unmarshal([]byte(answer.Body), &info); err != nil {
		t.Fatalf("%s = %s %q: %v", r.URL, answer.Status, answer.Body, err)
	}
	return info
}
