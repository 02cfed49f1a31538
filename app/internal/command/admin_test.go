package command_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestAdminRefusesRequestsOfWebPages(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"ADMIN_ADDR": "localhost:0"})
	addr, _, _ := strings.Cut(fmt.Sprint(s.logged("serving")["admin"]), " ")
	_, port, _ := strings.Cut(addr, ":")
	for _, test := range []struct {
		name, method, path string
		header             []string
		want               int
	}{
		{"Prometheus", "GET", "/metrics", []string{"Accept", "application/openmetrics-text"}, 200},
		{"go tool pprof", "GET", "/debug/pprof/heap", nil, 200},
		{"go tool pprof asking for symbols", "POST", "/debug/pprof/symbol", nil, 200},
		{"localhost", "GET", "/metrics", []string{"Host", "localhost:" + port}, 200},
		{"a name below localhost", "GET", "/metrics", []string{"Host", "turnkey.localhost:" + port}, 200},
		{"IPv6 loopback", "GET", "/metrics", []string{"Host", "[::1]:" + port}, 200},
		{"a forwarded port", "GET", "/metrics", []string{"Host", "127.0.0.1:16060"}, 200},
		{"a typed address", "GET", "/metrics", []string{"Sec-Fetch-Site", "none"}, 200},
		{"a link of its own page", "GET", "/debug/pprof/heap",
			[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://" + addr}, 200},
		{"a rebound name", "GET", "/metrics", []string{"Host", "rebind.example"}, 421},
		{"a rebound name with the port", "GET", "/debug/pprof/", []string{"Host", "rebind.example:" + port}, 421},
		{"a name that only begins so", "GET", "/metrics", []string{"Host", "localhost.rebind.example"}, 421},
		{"an address inside a name", "GET", "/metrics", []string{"Host", "127.0.0.1.rebind.example"}, 421},
		{"another site", "GET", "/metrics", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another port of localhost", "GET", "/debug/pprof/profile", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"an unknown relation", "GET", "/metrics", []string{"Sec-Fetch-Site", "Same-Origin, cross-site"}, 403},
		{"a second header", "GET", "/metrics", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Site", "cross-site"}, 403},
		{"an old browser's script", "POST", "/debug/pprof/symbol", []string{"Origin", "https://evil.example"}, 403},
		{"a sandboxed frame", "GET", "/metrics", []string{"Origin", "null"}, 403},
		{"a page on another port", "GET", "/metrics", []string{"Origin", "http://localhost:1"}, 403},
		{"a page over https on the same port", "GET", "/metrics", []string{"Origin", "https://" + addr}, 403},
	} {
		req, err := http.NewRequest(test.method, "http://"+addr+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(test.header); i += 2 {
			if test.header[i] == "Host" {
				req.Host = test.header[i+1]
			}
			req.Header.Add(test.header[i], test.header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != test.want {
			t.Errorf("%s: %s %s got %d %.80s, want %d", test.name, test.method, test.path, resp.StatusCode, body, test.want)
		}
	}
}
