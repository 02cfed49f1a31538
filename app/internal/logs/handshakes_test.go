package logs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefusalsAreHintedOncePerHourAndOnlyInDevelopment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, refusalsAreHinted)
}

func refusalsAreHinted(t *testing.T) { // runs in a synctest bubble, where an hour passes at once
	for _, test := range []struct{ line, client string }{
		{"remote error: tls: unknown certificate", "Chrome"},
		{"remote error: tls: bad certificate", "Go"},
		{"http2: server: error reading preface from client 127.0.0.1:1: remote error: tls: bad certificate", "Go"}, // over TLS 1.2
		{"remote error: tls: unknown certificate authority", "Firefox"},
		{"local error: tls: bad record MAC", "curl"},
	} {
		var out bytes.Buffer
		n := NewHandshakes(slog.New(slog.NewTextHandler(&out, nil)), true)
		for range 3 {
			fail(n, test.line)
		}
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, test.client) {
			t.Errorf("%s: got %q, want one line that names %s", test.line, got, test.client)
		}
		time.Sleep(time.Hour)
		fail(n, test.line)
		if got := out.String(); strings.Count(got, "\n") != 2 {
			t.Errorf("%s: an hour later got %q, want a second line", test.line, got)
		}

		var quiet bytes.Buffer
		n = NewHandshakes(slog.New(slog.NewTextHandler(&quiet, nil)), false)
		fail(n, test.line)
		n.Report()
		if got := quiet.String(); strings.Contains(got, "trust the development") || !strings.Contains(got, "=1") {
			t.Errorf("%s: without a development certificate got %q, want a count", test.line, got)
		}
	}
}

// fail reports an error as the server does: those after the handshake come as lines of net/http.
func fail(n *Handshakes, text string) {
	if strings.HasPrefix(text, "http2: ") {
		fmt.Fprintln(n, text)
	} else {
		n.Failed(errors.New(text))
	}
}
