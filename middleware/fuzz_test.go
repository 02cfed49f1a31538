package middleware

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
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
		proxy, proves := Forwarding{Doubt: func(*http.Request, Doubt) {}}, Forwarding{TLSEnds: true, TLSProves: true,
			Doubt: func(*http.Request, Doubt) {}}
		if got := proxy.scheme(r); got != "" && got != "http" && got != "https" {
			t.Errorf("%q became the scheme %q", value, got)
		}
		if got := proves.scheme(r); got != "http" {
			t.Errorf("%q made a request without TLS %q where clients prove who they are by TLS", value, got)
		}
	})
}

// Whatever a trusted proxy passes on, gin reads the address that parseEntry reads, or the proxy's own.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"203.0.113.9", "203.0.113.9:38792", "[2001:db8::7]:443", "a, [fe80::1%eth0]", "unknown",
		", ,203.0.113.9,", `"[::ffff:1.2.3.4]:1"`, "1.2.3.4:x", "10.0.0.2:1"} {
		f.Add(s)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	if err := engine.SetTrustedProxies([]string{"10.0.0.0/8"}); err != nil {
		f.Fatal(err)
	}
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:1"
		r.Header["X-Forwarded-For"] = []string{value}
		ok := plainAddresses(r.Header, "X-Forwarded-For", trusted)
		c := gin.CreateTestContextOnly(httptest.NewRecorder(), engine)
		c.Request = r
		got := c.ClientIP()
		addr, err := netip.ParseAddr(got)
		if err != nil || addr.Zone() != "" || !ok && got != "10.0.0.1" {
			t.Errorf("%q (understood: %v) made the client %q", value, ok, got)
		}
		if entry, _, isAddr := parseEntry(strings.TrimSpace(value)); isAddr && addr.Unmap() != entry {
			t.Errorf("%q made the client %q, want %s", value, got, entry)
		}
	})
}

// Whatever a client writes into Content-Type, it chooses no parser but those for JSON and forms.
func FuzzContentType(f *testing.F) {
	for _, media := range []string{"application/x-yaml", "application/xml", "text/xml", "application/toml", "application/bson",
		"application/x-protobuf", "application/json", "image/png", ""} {
		for _, more := range []string{"", " junk", ";a=b", "\tx", ";;;", ", text/xml"} {
			f.Add(media+more, "", true)
			f.Add(strings.ToUpper(media)+more, media, true)
			f.Add(" "+media+more, media, false)
		}
	}
	gin.SetMode(gin.ReleaseMode)
	f.Fuzz(func(t *testing.T, header, second string, hasBody bool) {
		var body io.Reader
		if hasBody {
			body = strings.NewReader("x")
		}
		for _, method := range []string{"GET", "POST", "DELETE"} {
			r := httptest.NewRequest(method, "/", body)
			r.Header["Content-Type"] = []string{header}
			if second != "" {
				r.Header["Content-Type"] = []string{header, second}
			}
			c, _ := gin.CreateTestContext(httptest.NewRecorder())
			c.Request = r
			MediaTypes(nil)(c)
			if c.IsAborted() {
				if status, _ := statusOf(c, c.Errors.Last().Err); status != http.StatusUnsupportedMediaType {
					t.Errorf("%s %q got %d, want 415", method, header, status)
				}
				continue
			}
			for _, spelling := range []string{c.ContentType(), strings.ToLower(c.ContentType()),
				strings.TrimSpace(c.ContentType())} {
				switch b := binding.Default(http.MethodPost, spelling); b {
				case binding.JSON, binding.Form, binding.FormMultipart:
				default:
					t.Errorf("%s %q %q chooses the parser for %s", method, header, second, b.Name())
				}
			}
		}
	})
}

// A form is malformed where url.ParseQuery says so, in whatever pieces it arrives.
func FuzzFormCheck(f *testing.F) {
	for _, s := range []string{"text=%zz", "a;b=c", "text=50%", "a=%4", "a=%41&b", "%%%", "", "&&",
		strings.Repeat("&", maxFields)} {
		f.Add(s, uint8(1))
	}
	f.Fuzz(func(t *testing.T, form string, size uint8) {
		var check formCheck
		for piece := range slices.Chunk([]byte(form), int(size)+1) {
			check.write(piece)
		}
		if _, err := url.ParseQuery(form); check.malformed() != (err != nil) {
			t.Errorf("%q is malformed: %v; net/url says %v", form, check.malformed(), err)
		}
	})
}
