package apptest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Log returns what the site has written: a line of JSON for each event and, if the program failed, the reason at the
// end. All that was logged before the call is in it. The site gathers lines for some milliseconds before it writes
// them, so Log sends a request and waits for its line, which it leaves out.
func (s *Site) Log() string {
	s.t.Helper()
	s.program.flush(s.t)
	return s.program.output.String()
}

// flushPath is how the paths of flush begin.
const flushPath = "/apptest-flush-"

var flushes atomic.Int64

// flush returns when all that was logged before is in the output. A site that is stopping may not answer, and writes
// everything before it ends.
func (p *program) flush(t testing.TB) {
	t.Helper()
	path := fmt.Sprint(flushPath, flushes.Add(1), "-")
	address := "http://" + p.host + path
	if p.http == "" {
		address = p.url + path
	}
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "127.0.0.1" // refused, or sent to https, before any route is called
	if p.https == "" {
		req.Header.Set("X-Forwarded-Proto", "http") // or the site warns of a proxy that does not send it
	}
	transport := p.transport()
	transport.DisableKeepAlives = true
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return
	}
	resp.Body.Close()
	for deadline := time.Now().Add(waitTime); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		select {
		case <-p.ended:
			return
		default:
		}
		if p.output.has(path) {
			return
		}
	}
	t.Fatalf("the site logs no requests:\n%s", p.output.String())
}

// output is what the program writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) has(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Contains(o.buf.Bytes(), []byte(text))
}

// String leaves out the lines of flush.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var kept strings.Builder
	for line := range strings.Lines(o.buf.String()) {
		if !strings.Contains(line, flushPath) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
