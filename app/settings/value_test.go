package settings

import (
	"strings"
	"testing"
)

func TestDomainsInUseAreAccepted(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"bücher.example": "xn--bcher-kva.example", "BÜCHER.example": "xn--bcher-kva.example", "例え.テスト": "xn--r8jz45g.xn--zckzah",
		"faß.example": "xn--fa-hia.example", "παράδειγμα.δοκιμή": "xn--hxajbheg2az3al.xn--jxalpdlp",
		"мой-сайт.рф": "xn----8sbzclmxk.xn--p1ai",
		"مثال.إختبار": "xn--mgbh0fb.xn--kgbechtv", "l·l.example": "xn--ll-0ea.example",
		"नमस्ते.example":        "xn--h2bhs4b8d8a.example",
		"xn--bcher-kva.example": "xn--bcher-kva.example", "i❤.example": "xn--i-7iq.example",
		"*.bücher.example":     "*.xn--bcher-kva.example",
		"نامه\u200cای.example": "xn--mgba3gch31f060k.example",
		"203.0.113.7":          "203.0.113.7", "203.0.113.7.": "203.0.113.7", "[2001:DB8::0:1]": "2001:db8::1", "1.2.3.example": "1.2.3.example",
	} {
		e := reader{lookup: func(string) (string, bool) { return name, true }}
		got := e.domains("DOMAINS")
		if len(e.faults) > 0 || len(got) != 1 {
			t.Errorf("%s: got %q and %v", name, got, e.faults)
		} else if got[0] != want {
			t.Errorf("%s: got %s, want %s", name, got[0], want)
		}
	}
}

// Nobody can open these: browsers take them for an address, or refuse them. A CA would be asked for ever.
func TestAMistypedAddressIsNoName(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"203.0.113", "203.0.113.256", "203.0.113.07", "203.0.113.7.1", "0x8.8.8.8", "shop.0x7f", "*.203.0.113.256", "4711"} {
		if host, fix := Host(v); !strings.Contains(fix, "four numbers from 0 to 255") {
			t.Errorf("%s is the host %q; the fix is %q", v, host, fix)
		}
	}
	if _, fix := Host("[2001:db8::1]:443"); !strings.HasPrefix(fix, "leave the port out: 2001:db8::1;") {
		t.Errorf("the fix for a port behind an IPv6 address is %q", fix)
	}
}

func TestValuesThatOnlyLookQuotedAreAccepted(t *testing.T) {
	t.Parallel()
	for _, test := range [][2]string{
		{"HSTS", `max-age="31536000"`}, {"ACME_CACHE", "/srv/it's/acme#2"}, {"ACME_CACHE", "/srv/a:b@c"},
		{"TLS_CERT_FILE", "/tls/o'neil/cert.pem"},
		{"HTTPS_ADDR", "[fe80::1%eth0]:8443"}, {"HTTPS_ADDR", "[::]:443"}, {"HTTP_ADDR", "my_host-1.local:8080"},
		{"ACME_DIRECTORY", "https://localhost:14000/dir"},
		{"ACME_EAB_KID", ""}, {"ACME_CACHE", `C:\data\acme`}, {"ACME_CACHE", "acme$1"},
	} {
		name, value := test[0], test[1]
		_, faults := Load(func(k string) (string, bool) { return pick(k == name, value, ""), k == name }, Dotenv{}, "shop")
		if len(faults) > 0 {
			t.Errorf("%s=%s: %v", name, value, faults)
		}
	}
}

func TestAFolderIsNotTakenForAURL(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{"/data/acme:443", "./localhost:6379", "acme", "acme/2026:11:27", `D:\\acme`, "/srv/a:80/acme"} {
		if nearlyURL.MatchString(cache) {
			t.Errorf("%s is a folder, and is taken for a URL", cache)
		}
	}
}
