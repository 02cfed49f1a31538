package settings

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/setting"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	none := func(string) (string, bool) { return "", false }
	dev, faults := Load(none, Dotenv{}, "shop")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if dev.HTTPSAddr != "localhost:8443" || dev.HTTPAddr != "localhost:8080" || dev.Mode != "local" || dev.HSTS != "max-age=0" ||
		dev.LogJSON || dev.ShutdownGrace != 5*time.Second || !slices.Contains(Dotenv{}.Names(dev)(), "shop.localhost") {
		t.Errorf("development got %+v", dev)
	}
	env := func(m map[string]string) Settings {
		c, _ := Load(func(k string) (string, bool) { v, ok := m[k]; return v, ok }, Dotenv{}, "shop")
		return c
	}
	p := env(map[string]string{"ENV": "prod", "DOMAINS": "Example.COM., www.example.com,bücher.example", "STATE_DIRECTORY": "/var/lib/shop:/other"})
	if p.HTTPSAddr != ":443" || p.HTTPAddr != ":80" || p.Mode != "acme" || p.HSTS != "max-age=31536000" || !p.LogJSON ||
		p.ShutdownGrace != 20*time.Second || p.ACMECache != "/var/lib/shop" || strings.Join(p.Domains, " ") != "example.com www.example.com xn--bcher-kva.example" {
		t.Errorf("production got %+v", p)
	}
	// A site with a name is known by it, wherever its addresses stand.
	p = env(map[string]string{"ENV": "prod", "DOMAINS": "[2001:DB8::0:1],203.0.113.7,shop.test,www.shop.test"})
	if strings.Join(p.Domains, " ") != "shop.test www.shop.test 2001:db8::1 203.0.113.7" {
		t.Errorf("the domains are %q", p.Domains)
	}
	if p := env(map[string]string{"ENV": "prod", "HSTS": ""}); p.HSTS != "" {
		t.Errorf("an empty HSTS became %q", p.HSTS)
	}
	x := env(map[string]string{"ENV": "prod", "TLS_MODE": "proxy"})
	if x.HTTPAddr != "localhost:3000" || x.HTTPSAddr != "" || !IsLoopback(x.HTTPAddr) || len(x.TrustedProxies) != 2 {
		t.Errorf("proxy mode got %+v", x)
	}
}

func TestEAB(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"-_8", "-_8=", "+/8", "+/8="} { // CAs issue the key in each of these encodings
		c, faults := Load(func(k string) (string, bool) {
			v := map[string]string{"ACME_EAB_KID": "kid", "ACME_EAB_HMAC_KEY": key}[k]
			return v, v != ""
		}, Dotenv{}, "shop")
		if len(faults) > 0 || string(c.EABKey) != "\xfb\xff" {
			t.Errorf("%q: got %x %v", key, c.EABKey, faults)
		}
	}
}

func TestCacheKeys(t *testing.T) {
	t.Parallel()
	const newest, oldest = "//////////////////////////////////////////8", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	want := []setting.CacheKey{setting.CacheKey(bytes.Repeat([]byte{0xff}, 32)), {1}}
	for _, value := range []string{newest + "," + oldest, newest + "= " + oldest + "=",
		" " + newest + "=,  " + oldest + ", "} {
		c, faults := Load(func(k string) (string, bool) {
			if k == "ACME_CACHE_KEY" {
				return value, true
			}
			return "", false
		}, Dotenv{}, "shop")
		if len(faults) > 0 || !slices.Equal(c.ACMECacheKeys, want) {
			t.Errorf("%q: got %v %v", value, c.ACMECacheKeys, faults)
		}
		shown := fmt.Sprintf("%v %+v %#v %s", c.ACMECacheKeys, c.ACMECacheKeys, c.ACMECacheKeys, c.ACMECacheKeys)
		if strings.Contains(shown, "255") || strings.Contains(shown, "0xff") || strings.Count(shown, want[0].ID()) != 4 {
			t.Errorf("the keys are shown as %s, want their ids", shown)
		}
	}
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{"", "example.com", "*.a.b", "https://x", "[::1]:80", ":443", "max-age=1; preload",
		"10.0.0.0/8,cloudflare", "\x00", "a:b:c", "bücher.example", "]:8443", "“a.b”", "a.b # c", "[::1%eth0]:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		cfg, _ := Load(func(string) (string, bool) { return v, true }, Dotenv{}, "shop")
		for _, d := range cfg.Domains {
			if !regexp.MustCompile(`^(\*\.)?[a-z0-9.-]+$`).MatchString(d) && net.ParseIP(d) == nil {
				t.Errorf("%q became the domain %q", v, d)
			}
		}
		if strings.ContainsAny(cfg.HSTS, "\r\n") {
			t.Errorf("%q became the header value %q", v, cfg.HSTS)
		}
		for _, addr := range []string{cfg.HTTPAddr, cfg.HTTPSAddr} {
			if addr != "" {
				if _, _, err := net.SplitHostPort(addr); err != nil {
					t.Errorf("%q became the address %q: %v", v, addr, err)
				}
			}
		}
	})
}

// One mistake is one fault: a setting whose value was refused is not also called missing.
func TestARefusedSettingIsNotAlsoMissing(t *testing.T) {
	t.Parallel()
	first := Faults{{Setting: "DOMAINS", Value: "https://a.test"}}
	got := first.AndThen([]Fault{{Setting: "DOMAINS"}, {Setting: "TLS_CERT_FILE"}, {Setting: "DOMAINS", Value: "*.a.test"}})
	want := Faults{first[0], {Setting: "TLS_CERT_FILE"}, {Setting: "DOMAINS", Value: "*.a.test"}}
	if !slices.Equal(got, want) || len(first) != 1 {
		t.Errorf("got %v, want %v", got, want)
	}
}
