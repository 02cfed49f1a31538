package site

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// upstream are the cases that fail in every server of net/http, with the reason.
var upstream = map[string]string{
	"http2/4.2: Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE":                        "it is smaller than the 1 MiB that the server has announced (golang/go#25023, summerwind/h2spec#102)",
	"http2/6.5.3: Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE":                                          "net/http hangs up on a setting that comes twice (golang/go#56760)",
	"http2/8.1.2.2: Sends a HEADERS frame that contains the connection-specific header field":                     "net/http answers 400, as RFC 9113 §8.1.1 lets it, but does not reset the stream (golang/go#26321)",
	`http2/8.1.2.2: Sends a HEADERS frame that contains the TE header field with any value other than "trailers"`: "the same",
}

// h2spec checks HTTP/2 against its RFCs. It sends the address that it connects to as host, so that is the site's name.
func TestHTTP2PassesH2spec(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), rig.Port(t)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca := rig.NewCA(t, "Site")
	ca.Issue(t, rig.Leaf{Names: []string{"127.0.0.1"}}).Write(t, cert, key)
	rig.Start(t, dir, rig.Env{
		"ENV": "prod", "TLS_MODE": "files", "TLS_CERT_FILE": cert, "TLS_KEY_FILE": key,
		"HTTPS_ADDR": rig.Loopback(port), "HTTP_ADDR": "off",
	})
	if got := rig.Get(t, rig.Visitor(ca.Pool()), fmt.Sprintf("https://127.0.0.1:%d/", port)); got.StatusCode != 200 {
		t.Fatalf("the page is answered with %s", got.Status)
	}

	// Some cases send a fault after a request. On a busy machine the server may answer the request first. One pass
	// counts.
	program := rig.Tool(t, "github.com/summerwind/h2spec/cmd/h2spec")
	var failed map[string]string
	total := 0
	for range 3 {
		var now map[string]string
		total, now = h2spec(t, program, port)
		if failed == nil {
			failed = now
		}
		maps.DeleteFunc(failed, func(name, _ string) bool { _, again := now[name]; return !again })
		if len(failed) <= len(upstream) {
			break
		}
	}
	if total < 140 {
		t.Errorf("only %d cases ran", total)
	}
	known := 0
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if why, ok := upstream[name]; ok {
			known++
			t.Logf("%s: %s", name, why)
		} else {
			t.Errorf("%s\n%s", name, failed[name])
		}
	}
	for name := range upstream {
		if _, ok := failed[name]; !ok {
			t.Errorf("%s: passes now; take it off the list", name)
		}
	}
	row(t, "h2spec", fmt.Sprintf("%d of %d passed, %d fail upstream", total-len(failed), total, known), fmt.Sprintf("all but %d of net/http's own", len(upstream)))
}

// h2spec runs every case, and returns how many there are and what the failed ones say.
func h2spec(t *testing.T, program string, port int) (total int, failed map[string]string) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.xml")
	got := rig.Spawn(t, rig.Command{Path: program, Args: []string{
		"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--tls", "--insecure", "--junit-report", report,
	}}).Finish(t, 3*time.Minute)
	var suites struct {
		Suites []struct {
			Cases []struct {
				Package string   `xml:"package,attr"`
				Name    string   `xml:"classname,attr"`
				Failure []string `xml:"failure"`
				Error   []string `xml:"error"`
				Skipped []string `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	data, err := os.ReadFile(report)
	if err == nil {
		err = xml.Unmarshal(data, &suites)
	}
	if err != nil {
		t.Fatalf("h2spec made no report: %v\n%s%s", err, got.Stdout, got.Stderr)
	}
	failed = map[string]string{}
	for _, suite := range suites.Suites {
		for _, c := range suite.Cases {
			total++
			if said := slices.Concat(c.Failure, c.Error, c.Skipped); len(said) > 0 {
				failed[c.Package+": "+c.Name] = strings.Join(said, "\n")
			}
		}
	}
	return total, failed
}
