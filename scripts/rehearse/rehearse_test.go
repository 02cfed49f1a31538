package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The rehearsal sets certificates and ports only. All other settings are the owner's.
func TestRehearsalUsesTheOwnersSettings(t *testing.T) {
	t.Parallel()
	base := []string{"DATABASE_URL=postgres://here", "HSTS=max-age=60", "ACME_DIRECTORY=production", "ACME_CACHE=/var/lib/shop", "TLS_MODE=proxy"}
	env := siteEnv(base, []string{"shop.example", "www.shop.example"}, 5443, 5080, "https://127.0.0.1:1/dir", "/t/directory.pem", "/t/acme")
	last := map[string]string{} // os/exec gives a program the last of several
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		last[name] = value
	}
	for name, want := range map[string]string{
		"DATABASE_URL": "postgres://here", "HSTS": "max-age=60",
		"ENV": "prod", "TLS_MODE": "acme", "DOMAINS": "shop.example,www.shop.example", "HTTPS_ADDR": "127.0.0.1:5443", "HTTP_ADDR": "127.0.0.1:5080",
		"ACME_DIRECTORY": "https://127.0.0.1:1/dir", "ACME_CACHE": "/t/acme", "ACME_REHEARSAL": "off",
	} {
		if last[name] != want {
			t.Errorf("%s=%q, want %q", name, last[name], want)
		}
	}
	if len(base) != 5 || base[4] != "TLS_MODE=proxy" {
		t.Errorf("the caller's environment was changed: %q", base)
	}
}

func TestFaultOfALogLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`time=2026-11-23T17:28:02.515Z level=ERROR msg="no certificate obtained" host=shop.example error="403: the \"challenge\" failed" again_in=1m0s advice="open port 80"`: "shop.example: no certificate obtained: 403: the \"challenge\" failed\n  → open port 80",
		`time=2026-11-23T17:28:02.515Z level=ERROR msg=late host=shop.example error=refused`:                                                                                  "shop.example: late: refused",
		`time=2026-11-23T17:28:02.515Z level=INFO msg="certificate obtained" host=shop.example issuer="Pebble CA"`:                                                            "",
		`time=2026-11-23T17:28:02.515Z level=ERROR msg="a handler failed" error="no rows"`:                                                                                    "",
		"  ➜  https://shop.example:5443   (plain http on port 5080 leads there)":                                                                                              "",
		`broken="`: "",
	} {
		got := ""
		if err := complaint(line); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}

func TestLinesAreWholeAndTheLastAreKept(t *testing.T) {
	t.Parallel()
	var heard []string
	l := &lines{heard: func(line string) { heard = append(heard, line) }}
	fmt.Fprint(l, "one\ntw")
	fmt.Fprint(l, "o\r\nthree")
	if want := []string{"one", "two"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	if got := l.last(); got != "one\ntwo\nthree" {
		t.Errorf("last words %q", got)
	}
	for i := range 3 * lastWords {
		fmt.Fprintf(l, "%d\n", i)
	}
	if got := strings.Split(l.last(), "\n"); len(got) != lastWords || got[lastWords-1] != fmt.Sprint(3*lastWords-1) {
		t.Errorf("last words %q, want %d lines", got, lastWords)
	}
}

func TestTheCurlLine(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	proxy := func(name string) string { return map[string]string{"HTTPS_PROXY": "http://proxy:3128"}[name] }
	for _, test := range []struct {
		goos   string
		getenv func(string) string
		root   string
		want   string
	}{
		{"linux", none, "/tmp/r-1/root.pem", "curl --cacert /tmp/r-1/root.pem --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/"},
		{"darwin", none, "/tmp/it's mine/root.pem", `curl --cacert '/tmp/it'\''s mine/root.pem' --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/`},
		{"linux", proxy, "/tmp/r-1/root.pem", "curl --noproxy '*' --cacert /tmp/r-1/root.pem --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/"},
		{"windows", none, `C:\Users\A B\root.pem`, `curl.exe --ssl-no-revoke --cacert "C:\Users\A B\root.pem" --resolve shop.example:5443:127.0.0.1 https://shop.example:5443/`},
	} {
		if got := curlLine(test.goos, test.getenv, test.root, "shop.example", 5443); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// The URL stays the same while its port is free, and moves to the next port otherwise. A port that a setting names is
// used or refused.
func TestPorts(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	if got, err := sitePort("https", 0, port); err != nil || got <= port || got > port+nextPorts {
		t.Errorf("beside a busy port %d: %d, %v, want one of the next", port, got, err)
	}
	if got, err := sitePort("https", port, 1); err == nil || !strings.Contains(err.Error(), "-https") {
		t.Errorf("a busy port that was asked for: %d, %v, want an error that names the flag", got, err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	if free(udp.LocalAddr().(*net.UDPAddr).Port) {
		t.Error("a port that is taken for UDP counts as free")
	}
	if free, err := backstage(); err != nil || free < 20000 || free >= 32000 {
		t.Errorf("backstage: %d, %v", free, err)
	}
}

// Errors of the go command are reported with the fix.
func TestBuildErrorsNameTheFix(t *testing.T) {
	t.Parallel()
	_, missing := exec.LookPath("no-such-go-command")
	for _, test := range []struct {
		out  string
		err  error
		want string
	}{
		{"", missing, "go.dev/dl"},
		{`Get "https://proxy/x.info": dial tcp: lookup proxy: no such host`, errors.New("exit status 1"), "connect to the network"},
		{"module lookup disabled by GOPROXY=off", errors.New("exit status 1"), "set GOPROXY"},
		{"handlers/home.go:3:1: expected declaration", errors.New("exit status 1"), "handlers/home.go:3:1: expected declaration"},
	} {
		if err := explain("go build", test.out, test.err); !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q is explained as %q, want %q", test.out, err, test.want)
		}
	}
}

// The test runs a real go command that cannot reach a module proxy, as without a network.
func TestTheFirstRunWithoutANetwork(t *testing.T) {
	t.Setenv("GOPROXY", "https://127.0.0.1:1")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // lets the test remove the module cache
	t.Chdir(t.TempDir())
	said := ""
	err := buildPebble(t.Context(), func(line string) { said = line })
	if err == nil || !strings.Contains(err.Error(), "connect to the network") {
		t.Errorf("got %v, want what to do", err)
	}
	if !strings.Contains(said, "once") {
		t.Errorf("said %q, want that this happens once", said)
	}
}

func TestRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GOPROXY", "off")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-life", "1s"}, "too short"},
		{[]string{"-https", "70000"}, "-https"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), test.args, func(string) string { return "" }, &out, &out)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
	}
	if _, err := buildSite(t.Context(), "shop"); err == nil || !strings.Contains(err.Error(), "project's own directory") {
		t.Errorf("building where no project is: %v", err)
	}
}

// A program that ends by itself ends the rehearsal, and the error has its last lines. A program that is told to stop is
// waited for.
func TestPartsReportWhyTheyEnded(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	ctx, fail := context.WithCancelCause(t.Context())
	p, err := start("site", exec.Command("sh", "-c", "echo the disk is full >&2; exit 3"), func(string) {}, fail)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.listens(ctx, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("waiting for it: %v, want its end and its last words", err)
	}
	heard := make(chan string, 2)
	asked, err := start("site", exec.Command("sh", "-c", "trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.02; done"),
		func(line string) { heard <- line }, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	<-heard
	asked.stop(true)
	if code := asked.Cmd.ProcessState.ExitCode(); code != 0 || asked.out.last() != "ready\nbye" {
		t.Errorf("a program that was asked to end: exit status %d, last words %q; want 0 and bye", code, asked.out.last())
	}
}
