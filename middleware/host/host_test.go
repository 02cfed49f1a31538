package host

import (
	"net/url"
	"strings"
	"testing"
)

func TestNameIsConvertedToItsDNSForm(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Shop.Example.com.": "shop.example.com", "bücher.example": "xn--bcher-kva.example", "localhost": "localhost",
		"": "", ".": "", "a..b": "", "shop.test..": "", ".shop.test": "", "a b": "",
		"shop.test:80": "", strings.Repeat("a.", 127) + "a": "",
	} {
		got, err := ASCII(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q became %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestURLTakesOnlyPathAndQueryOfTheTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, port, target, want string }{
		{"shop.test", "", "/a?b=c", "https://shop.test/a?b=c"},
		{"shop.test", "8443", "/", "https://shop.test:8443/"},
		{"::1", "8443", "/a", "https://[::1]:8443/a"},
		{"::1", "", "/a", "https://[::1]/a"},
		{"shop.test", "", "*", "https://shop.test/"},
		{"shop.test", "", "/a?b=1#c d&e=\"ü<\x22>", "https://shop.test/a?b=1%23c%20d&e=%22%C3%BC%3C%22%3E"},
		{"shop.test", "", "/?#%", "https://shop.test/?%23%"},
		{"shop.test", "", "http://user@evil.test/a?b", "https://shop.test/a?b"},
	} {
		target, err := url.ParseRequestURI(test.target)
		if err != nil {
			target = &url.URL{Path: test.target} // as net/http parses OPTIONS *
		}
		if got := HTTPS(test.name, test.port, target); got != test.want {
			t.Errorf("%+v gives %q", test, got)
		}
	}
}

func TestAddressesAreToldFromNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"203.0.113.7": true, "2001:db8::1": true, "::ffff:1.2.3.4": true,
		"": false, "shop.test": false, "shop7": false, "1.2.3": false, "a:b": false, "7.113.0.203.in-addr.arpa": false} {
		if got := IsAddress(name); got != want {
			t.Errorf("%q is an address: %v", name, got)
		}
	}
	for header, want := range map[string]string{"[2001:DB8:0::0:1]:8443": "2001:db8::1", "203.0.113.7:80": "203.0.113.7",
		"[::1]": "::1", "[::g]": "::g"} {
		if got, _ := Split(header); got != want {
			t.Errorf("%s names %q, want %q", header, got, want)
		}
	}
}

// The client chooses the bytes of Host. The resulting name must be in the normal form, and a redirect must lead only to
// a configured name.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"shop.test", "SHOP.test.:80", "[::1]:8443", "[::1", "shop.test@evil.test",
		"evil.test#shop.test", "a:b:c", "", ".", "[]x", "shop.test:", "::1"} {
		f.Add(s, "/a?b")
	}
	f.Add("shop.test", "/?#%")
	f.Fuzz(func(t *testing.T, header, target string) {
		name, port := Split(header)
		if name != strings.ToLower(name) || strings.Trim(port, "0123456789") != "" {
			t.Errorf("%q came apart as %q and %q", header, name, port)
		}
		if name != "shop.test" {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		for _, port := range []string{"", "8443", port} {
			location := HTTPS(name, port, u)
			got, err := url.Parse(location)
			if err != nil || got.Scheme != "https" || got.Hostname() != "shop.test" || got.User != nil {
				t.Errorf("host %q and target %q lead to %q (%v)", header, target, location, err)
			}
		}
	})
}
