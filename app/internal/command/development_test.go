package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/turnkey/app/internal/server"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
)

func TestTheProjectsOwnAddressIsPrinted(t *testing.T) {
	t.Parallel()
	s := openDev(t, nil)
	var out syncBuffer
	(&banner{loaded: s.loaded, w: &out}).print()
	own := fmt.Sprintf("https://%s.localhost:%d", project(), s.Ports.HTTPS.Number())
	if got := out.String(); !strings.Contains(got, own) || !strings.Contains(got, fmt.Sprintf("https://localhost:%d", s.Ports.HTTPS.Number())) {
		t.Errorf("%s is not in:\n%s", own, got)
	}
}

// openDev returns a development server with open ports that does not run yet. change may alter its settings.
func openDev(t *testing.T, env map[string]string, change ...func(*loaded)) opened {
	t.Helper()
	dir := t.TempDir()
	env = with(env, "HOME", dir, "TLS_CERT_FILE", filepath.Join(dir, "certs", "cert.pem"), "TLS_KEY_FILE", filepath.Join(dir, "certs", "key.pem"))
	for _, name := range []string{"HTTPS_ADDR", "HTTP_ADDR"} {
		if _, set := env[name]; !set {
			env[name] = "localhost:0"
		}
	}
	return openWith(t, env, change...)
}

// opened is a server and everything it was made from.
type opened struct {
	*server.Server
	loaded loaded
}

// openWith opens the ports of testSite with settings, which change may alter.
func openWith(t *testing.T, env map[string]string, change ...func(*loaded)) opened {
	t.Helper()
	l := load(World{Lookup: lookupIn(env)}, kit.Site{})
	for _, c := range change {
		c(&l)
	}
	s, err := open(l, Sample(), io.Discard, &banner{loaded: l, w: io.Discard, log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.ports.Close)
	return opened{s, l}
}

func TestNewMachineAddressIsServed(t *testing.T) {
	t.Parallel()
	var moved atomic.Bool
	s := openDev(t, nil, func(l *loaded) {
		names := l.names
		l.names = func() []string { return append(names(), pick(moved.Load(), []string{"192.168.77.7"}, nil)...) }
	})
	ended := make(chan error, 1)
	reload := make(chan os.Signal, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ended <- s.Run(ctx, reload) }()
	ask := func() (plain, onTLS int) {
		req, _ := http.NewRequest("GET", "http://"+s.Ports.HTTP.Listeners[0].Addr().String(), nil)
		req.Host = "192.168.77.7"
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		answer := typed(t, s.Ports.HTTPS.Listeners[0].Addr().String(), "GET / HTTP/1.1\r\nHost: 192.168.77.7\r\n\r\n")
		if answer == nil {
			t.Fatal("no answer to plain http on the TLS port")
		}
		return resp.StatusCode, answer.StatusCode
	}
	if plain, onTLS := ask(); plain != 421 || onTLS != 421 {
		t.Fatalf("an address of nobody's got %d and %d, want 421", plain, onTLS)
	}
	moved.Store(true)
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		plain, onTLS := ask()
		if plain == 307 && onTLS == 307 {
			break
		}
		if time.Since(begin) > 15*time.Second {
			t.Fatalf("a new address gets %d and %d after 15s, want 307", plain, onTLS)
		}
	}
	for begin := time.Now(); !slices.Contains(s.Source.Status()[0].Names, "192.168.77.7"); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 15*time.Second {
			t.Fatalf("the certificate is for %v", s.Source.Status()[0].Names)
		}
	}
	moved.Store(false)
	reload <- nil
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if plain, onTLS := ask(); plain == 421 && onTLS == 421 {
			break
		}
		if time.Since(begin) > 4*time.Second {
			t.Fatal("SIGHUP waited for the clock")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestEditedDomainsAreServedWithoutARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	edit := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit("DOMAINS=old.test\n")
	t.Setenv("DOMAINS", "")
	os.Unsetenv("DOMAINS")
	dotenv := settings.LoadDotenv(file)
	s := openDev(t, map[string]string{"DOMAINS": "old.test"}, func(l *loaded) { l.names = dotenv.Names(l.settings) })
	ended := make(chan error, 1)
	reload := make(chan os.Signal, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { ended <- s.Run(ctx, reload) }()
	// served reports whether a certificate is served for a name and requests to it are answered.
	served := func(name string) (certificate, host bool) {
		answer := typed(t, s.Ports.HTTPS.Listeners[0].Addr().String(), "GET / HTTP/1.1\r\nHost: "+name+"\r\n\r\n")
		return slices.Contains(s.Source.Status()[0].Names, name), answer != nil && answer.StatusCode == 307
	}
	for _, step := range []struct {
		text       string
		yes, no    string
		afterwards string
	}{
		{"DOMAINS=new.test\n", "new.test", "old.test", "edited"},
		{"DOMAINS=https://wrong.test/\n", "old.test", "new.test", "nonsense: those of the start"},
		{"DOMAINS=new.test\n", "new.test", "old.test", "mended"},
		{"", "localhost", "new.test", "taken out"},
	} {
		edit(step.text)
		reload <- nil
		for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			yesCert, yesHost := served(step.yes)
			noCert, noHost := served(step.no)
			if yesCert && yesHost && !noCert && !noHost {
				break
			}
			if time.Since(begin) > 2*time.Second {
				t.Fatalf("%s: %s is served: %v %v, and %s: %v %v", step.afterwards, step.yes, yesCert, yesHost, step.no, noCert, noHost)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
