package command

import (
	"strings"
	"testing"

	"example.com/turnkey/app/kit"
)

func TestOriginWithoutCookiesIsReportedAtTheStart(t *testing.T) {
	t.Parallel()
	const anonymous = "every request from there is anonymous"
	for _, test := range []struct {
		origin string
		env    map[string]string
		want   []string // nil: no warning
	}{
		{"http://localhost:3000", map[string]string{},
			[]string{"https and the same site", "cert.pem", "key.pem", "CORS_ORIGINS=https://localhost:3000", "Vite"}},
		{"https://localhost:3000", map[string]string{}, nil}, // ports do not count
		{"https://127.0.0.1:3000", map[string]string{}, nil},
		{"http://app.shop.test:5173", map[string]string{"DOMAINS": "shop.test"},
			[]string{"CORS_ORIGINS=https://app.shop.test:5173", "Vite"}},
		{"https://app.shop.test:5173", map[string]string{"DOMAINS": "shop.test"}, nil},
		{"https://app.example.com", map[string]string{}, []string{"same site", "https://localhost"}},
		{"http://app.example.com", map[string]string{}, []string{"same site", "CORS_ORIGINS=https://app.example.com"}},
		{"https://app.shop.co.uk", with(prod, "DOMAINS", "www.shop.co.uk", "TLS_MODE", "acme"), nil},
		{"https://evil.co.uk", with(prod, "DOMAINS", "www.shop.co.uk", "TLS_MODE", "acme"),
			[]string{"https://app.shop.co.uk", "token"}},
		{"https://me.github.io", with(prod, "DOMAINS", "you.github.io", "TLS_MODE", "acme"), []string{"same site"}},
		{"https://app.example.com", map[string]string{"ENV": "prod", "TLS_MODE": "proxy"}, nil}, // any host
	} {
		env := with(test.env, "CORS_ORIGINS", test.origin)
		l := load(World{Lookup: lookupIn(env)}, kit.Site{})
		if len(l.faults) > 0 {
			t.Errorf("%s: %v", test.origin, l.faults)
		}
		got := strings.Join(l.warnings, "\n")
		if strings.Contains(got, anonymous) != (test.want != nil) {
			t.Errorf("%s for %q is warned of: %q", test.origin, l.hosts[:min(1, len(l.hosts))], got)
		}
		for _, w := range test.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: the warning %q does not say %q", test.origin, got, w)
			}
		}
	}
}
