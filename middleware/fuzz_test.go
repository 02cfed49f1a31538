package middleware

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever a client puts into Host, only a configured name comes out of it.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"shop.test", "SHOP.test.:80", "[::1]:8443", "[::1", "shop.test@evil.test", "evil.test#shop.test", "a:b:c", "", ".", "[]x", "shop.test:", "::1"} {
		f.Add(s, "/a?b")
	}
	f.Fuzz(func(t *testing.T, host, target string) {
		name, port := splitHost(host)
		if name != strings.ToLower(name) || strings.Contains(port, ":") && !strings.HasPrefix(host, "[") {
			t.Errorf("%q came apart as %q and %q", host, name, port)
		}
		if name != "shop.test" {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Host: host, URL: u}
		location := Redirect{PlainPort: 80, TLSPort: 8443}.location(r)
		got, err := url.Parse(location)
		if err != nil || got.Scheme != "https" || got.Hostname() != "shop.test" || got.User != nil {
			t.Errorf("host %q and target %q lead to %q (%v)", host, target, location, err)
		}
	})
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "text/html", "text/html;q=0.1, application/json;q=0.9", "*/*;q=x", ";;;,,,", "text/html;q=NaN", "text/html;q=1e999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if prefersHTML(accept) && !strings.Contains(strings.ToLower(accept), "text/") && !strings.Contains(strings.ToLower(accept), "xhtml") {
			t.Errorf("%q is taken for a wish for HTML", accept)
		}
	})
}

func FuzzRequestID(f *testing.F) {
	f.Add("abc-1_2.3")
	f.Add("a\r\nSet-Cookie: x=y")
	f.Fuzz(func(t *testing.T, id string) {
		if validID(id) && (len(id) > 64 || strings.ContainsAny(id, " \r\n\t\"\\<>=;,") || id == "") {
			t.Errorf("%q counts as an id", id)
		}
	})
}

func FuzzForwardedProto(f *testing.F) {
	f.Add("https, http")
	f.Add(",")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-Proto"] = []string{value}
		if got := scheme(r, false); got != "" && got != "http" && got != "https" {
			t.Errorf("%q became the scheme %q", value, got)
		}
	})
}
