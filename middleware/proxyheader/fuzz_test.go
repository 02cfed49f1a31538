package proxyheader

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

func FuzzForwardedProto(f *testing.F) {
	f.Add("https, http")
	f.Add(",")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-Proto"] = []string{value}
		proxy, proves := Policy{}, Policy{TLSEnds: true, TLSProves: true}
		if got := proxy.scheme(r); got != "" && got != "http" && got != "https" {
			t.Errorf("%q became the scheme %q", value, got)
		}
		if got := proves.scheme(r); got != "http" {
			t.Errorf("%q made a request without TLS %q where clients prove who they are by TLS", value, got)
		}
	})
}

// For every value of X-Forwarded-For that a trusted proxy sends, gin must return the address that parseEntry returns,
// or the proxy's own.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"203.0.113.9", "203.0.113.9:38792", "[2001:db8::7]:443", "a, [fe80::1%eth0]", "unknown",
		", ,203.0.113.9,", `"[::ffff:1.2.3.4]:1"`, "1.2.3.4:x", "10.0.0.2:1",
		`"[::AAA%00,0]:0"`} {
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
		ok := rewriteAddresses(r.Header, "X-Forwarded-For", trusted)
		c := gin.CreateTestContextOnly(httptest.NewRecorder(), engine)
		c.Request = r
		got := c.ClientIP()
		addr, err := netip.ParseAddr(got)
		if err != nil || addr.Zone() != "" || !ok && got != "10.0.0.1" {
			t.Errorf("%q (understood: %v) made the client %q", value, ok, got)
		}
		if strings.Contains(value, ",") { // it is a list, even if the comma is in a zone or in quotes
			return
		}
		if entry, _, isAddr := parseEntry(strings.TrimSpace(value)); isAddr && addr.Unmap() != entry {
			t.Errorf("%q made the client %q, want %s", value, got, entry)
		}
	})
}
