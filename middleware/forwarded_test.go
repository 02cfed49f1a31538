package middleware

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/proxyheader"
)

// behindProxy is a server that trusts the address of its test and two more. It answers with the client's address as
// handlers see it, the address in the access log, and the scheme.
type behindProxy struct {
	*httptest.Server
	mu     sync.Mutex
	doubts []proxyheader.Doubt
}

func newBehindProxy(t *testing.T, f proxyheader.Policy) *behindProxy {
	t.Helper()
	s := &behindProxy{}
	f.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	f.OnDoubt = func(_ *http.Request, d proxyheader.Doubt) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.doubts = append(s.doubts, d)
	}
	r := gin.New()
	if err := r.SetTrustedProxies([]string{"127.0.0.0/8", "10.0.0.0/8"}); err != nil {
		t.Fatal(err)
	}
	r.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if f.ClientHeader != "" {
		r.RemoteIPHeaders = []string{f.ClientHeader}
	}
	r.Use(forwarded(f))
	limit := RateLimit(1, time.Hour)
	r.GET("/", func(c *gin.Context) { c.String(200, "%s %s %s", c.ClientIP(), clientIP(c), c.Request.URL.Scheme) })
	r.GET("/limited", limit, func(c *gin.Context) { c.String(200, "%d", len(c.Errors)) })
	s.Server = httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s
}

// ask sends a request and returns the answer and the doubts about it. Headers come in pairs.
func (s *behindProxy) ask(t *testing.T, headers ...string) (string, []proxyheader.Doubt) {
	t.Helper()
	s.mu.Lock()
	s.doubts = nil
	s.mu.Unlock()
	req, err := http.NewRequest("GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(body), slices.Clone(s.doubts)
}

func TestClientAddressIsReadInEveryNotationOfProxies(t *testing.T) {
	t.Parallel()
	const proxy = "127.0.0.1"
	for _, header := range proxyheader.ClientHeaders {
		s := newBehindProxy(t, proxyheader.Policy{ClientHeader: header})
		for _, test := range []struct {
			lines []string
			want  string // the client's address
			doubt bool
		}{
			{[]string{"203.0.113.9"}, "203.0.113.9", false},
			{[]string{"203.0.113.9:38792"}, "203.0.113.9", false}, // IIS, Azure
			{[]string{"2001:db8::7"}, "2001:db8::7", false},
			{[]string{"[2001:db8::7]"}, "2001:db8::7", false},
			{[]string{"[2001:db8::7]:443"}, "2001:db8::7", false},
			{[]string{`"[2001:db8::7]:443"`}, "2001:db8::7", false},
			{[]string{"[2001:db8:0:0::7]:443"}, "2001:db8::7", false},
			{[]string{"fe80::7%eth0"}, "fe80::7", false},
			{[]string{"[fe80::7%25eth0]:443"}, "fe80::7", false},
			{[]string{"::ffff:203.0.113.9"}, "203.0.113.9", false},
			{[]string{"[::ffff:203.0.113.9]:80"}, "203.0.113.9", false},
			{[]string{" \t203.0.113.9:1 "}, "203.0.113.9", false},
			{[]string{"203.0.113.9,"}, "203.0.113.9", false},
			{[]string{"203.0.113.9, ,"}, "203.0.113.9", false},
			{[]string{", 203.0.113.9:1"}, "203.0.113.9", false},
			{[]string{"6.6.6.6, 203.0.113.9:38792"}, "203.0.113.9", false},
			{[]string{"6.6.6.6", "203.0.113.9:38792"}, "203.0.113.9", false},
			{[]string{"203.0.113.9:38792, 10.0.0.2:443"}, "203.0.113.9", false},
			{[]string{"6.6.6.6, 203.0.113.9:1, [::ffff:10.0.0.2]:443, 10.0.0.3"}, "203.0.113.9", false},
			{[]string{"unknown, 203.0.113.9:1"}, "203.0.113.9", false}, // the client sent "unknown"
			{[]string{"10.0.0.3:1, 10.0.0.2:1"}, "10.0.0.3", false},
			{[]string{"unknown"}, proxy, true},
			{[]string{"_hidden"}, proxy, true},
			{[]string{"203.0.113.9, unknown"}, proxy, true},
			{[]string{"for=203.0.113.9"}, proxy, true},
			{[]string{"203.0.113.9:99999"}, proxy, true},
			{[]string{"203.0.113.9:"}, proxy, true},
			{[]string{"[203.0.113.9]"}, proxy, true},
			{[]string{"203.0.113.9 10.0.0.2"}, proxy, true},
			{[]string{"[2001:db8::7"}, proxy, true},
			{[]string{","}, proxy, false},
			{nil, proxy, false},
		} {
			var headers []string
			for _, line := range test.lines {
				headers = append(headers, header, line)
			}
			got, doubts := s.ask(t, headers...)
			if want := test.want + " " + test.want + " "; got != want {
				t.Errorf("%s %q: the handler's and the log's client and the scheme are %q, want %q",
					header, test.lines, got, want)
			}
			if told := len(doubts) > 0; told != test.doubt || told &&
				(doubts[0].Kind != proxyheader.ClientUnread || doubts[0].Header != header) {
				t.Errorf("%s %q: the doubts are %+v, want one: %v", header, test.lines, doubts, test.doubt)
			}
		}
	}
}

func TestRateLimitIgnoresPortsInForwardedAddresses(t *testing.T) {
	t.Parallel()
	s := newBehindProxy(t, proxyheader.Policy{})
	status := func(from string) int {
		req, _ := http.NewRequest("GET", s.URL+"/limited", nil)
		req.Header.Set("X-Forwarded-For", from)
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Header.Get("Retry-After") != "" {
			return http.StatusTooManyRequests
		}
		return resp.StatusCode
	}
	if a, b := status("203.0.113.9:1"), status("203.0.113.10:1"); a != 200 || b != 200 {
		t.Errorf("two visitors got %d and %d, want 200 each", a, b)
	}
	if got := status("203.0.113.9:2"); got != 429 {
		t.Errorf("the first visitor's second request, from another port, got %d, want 429", got)
	}
}

func TestLastValueOfXForwardedProtoCounts(t *testing.T) {
	t.Parallel()
	s := newBehindProxy(t, proxyheader.Policy{})
	for _, test := range []struct {
		lines []string
		want  string
		doubt proxyheader.Kind // empty if there is none
	}{
		{[]string{"https"}, "https", ""}, {[]string{"http"}, "http", ""}, {[]string{"HTTPS"}, "https", ""},
		{[]string{"wss"}, "https", ""}, {[]string{"ws"}, "http", ""}, {[]string{"WSS"}, "https", ""}, // Traefik
		{[]string{"http, https"}, "https", ""}, {[]string{"http", "https"}, "https", ""},
		{[]string{"https, wss"}, "https", ""},
		{[]string{"https,"}, "https", ""}, {[]string{"https", ""}, "https", ""}, {[]string{" https "}, "https", ""},
		{[]string{"http, http"}, "http", ""},
		{[]string{"https, http"}, "http", proxyheader.SchemeListed},
		{[]string{"https", "http"}, "http", proxyheader.SchemeListed},
		{[]string{"wss,ws"}, "http", proxyheader.SchemeListed},
		{[]string{"on"}, "", proxyheader.SchemeUnread}, {[]string{"https;q=1"}, "", proxyheader.SchemeUnread},
		{[]string{","}, "", proxyheader.SchemeUnread},
		{[]string{"h2"}, "", proxyheader.SchemeUnread},
		{nil, "", ""},
	} {
		var headers []string
		for _, line := range test.lines {
			headers = append(headers, "X-Forwarded-Proto", line)
		}
		got, doubts := s.ask(t, headers...)
		if got != "127.0.0.1 127.0.0.1 "+test.want {
			t.Errorf("%q: got %q, want the scheme %q", test.lines, got, test.want)
		}
		var want []proxyheader.Kind
		if test.doubt != "" {
			want = []proxyheader.Kind{test.doubt}
		}
		is := func(d proxyheader.Doubt, kind proxyheader.Kind) bool { return d.Kind == kind }
		if !slices.EqualFunc(doubts, want, is) {
			t.Errorf("%q: the doubts are %+v, want the kind %q and no other", test.lines, doubts, test.doubt)
		}
	}
	long := strings.Repeat("https,", 2000) + "http"
	if _, doubts := s.ask(t, "X-Forwarded-Proto", long); len(doubts) != 1 || len(doubts[0].Value) > 300 ||
		!strings.HasPrefix(doubts[0].Value, "https,https") {
		t.Errorf("a header of %d bytes is told of as %+v, want its beginning", len(long), doubts)
	}
}

func TestOnlyPrivateNamesAreThisMachines(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8443": true, "LOCALHOST.:1": true, "shop.localhost": true, "127.0.0.1:80": true,
		"[::1]:8443": true, "[::ffff:127.0.0.1]": true,
		"laptop": true, "laptop.local": true, "shop.test": true, "host.docker.internal:8443": true,
		"nas.home.arpa": true,
		"abc.ngrok.app": false, "shop.example.com": false, "192.168.1.20": false, "[2001:db8::7]": false, "": false,
		"localhost.evil.com": false, "evillocal.com": false,
	} {
		if got := isOwnName(host); got != want {
			t.Errorf("%q is taken for this machine's own: %v, want %v", host, got, want)
		}
	}
}
