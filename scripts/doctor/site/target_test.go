package site

import (
	"slices"
	"testing"
)

func TestTargetsInManyNotations(t *testing.T) {
	for raw, want := range map[string]target{
		"https://example.com":      {host: "example.com", httpsPort: 443, httpPort: 80},
		"example.com":              {host: "example.com", httpsPort: 443, httpPort: 80},
		" EXAMPLE.com./ ":          {host: "example.com", httpsPort: 443, httpPort: 80},
		"https://bücher.example/":  {host: "xn--bcher-kva.example", httpsPort: 443, httpPort: 80},
		"example.com:8443":         {host: "example.com", httpsPort: 8443},
		"https://[2001:DB8::1]:44": {host: "2001:db8::1", addr: mustAddr("2001:db8::1"), httpsPort: 44},
		"2001:DB8::1":              {host: "2001:db8::1", addr: mustAddr("2001:db8::1"), httpsPort: 443, httpPort: 80},
		"203.0.113.7":              {host: "203.0.113.7", addr: mustAddr("203.0.113.7"), httpsPort: 443, httpPort: 80},
	} {
		if got, err := parseTarget(raw, 0); err != nil || got != want {
			t.Errorf("%q = %+v, %v, want %+v", raw, got, err, want)
		}
	}
	if got := (target{host: "::1", addr: mustAddr("::1"), httpsPort: 443, httpPort: 80}).url("http", "/"); got != "http://[::1]/" {
		t.Errorf("url = %s", got)
	}
}

func TestResolversComeFromResolvConf(t *testing.T) {
	got := parseResolvers("# x\nnameserver 192.0.2.1\nsearch a.b\nnameserver fe80::1%eth0\nnameserver nonsense\noptions edns0\nnameserver 127.0.0.53\nnameserver 192.0.2.9\n")
	if want := []string{"192.0.2.1:53", "[fe80::1%eth0]:53", "127.0.0.53:53"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
