package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Chromium is the browser of one user. It makes no connections of its own, and resolves only loopback hosts and Sites.
type Chromium struct {
	Path  string // of the program
	Home  string // the user's home; an empty directory makes a new profile
	Sites Sites

	// QUIC are the flags of a browser that may speak it; without any, it may not. Over QUIC, Chromium believes no root
	// that the user has added.
	QUIC []string
}

// Sites maps hosts to addresses, such as "shop.example.test:443" to "127.0.0.1:8443".
type Sites map[string]string

// Env is the environment it runs in.
func (c Chromium) Env() []string { return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Home} }

// Run visits the page in args with an empty profile.
func (c Chromium) Run(t testing.TB, args ...string) Result {
	t.Helper()
	return c.spawn(t, args...).Finish(t, time.Minute)
}

// Listen starts it for tools that control it over a port of 127.0.0.1.
func (c Chromium) Listen(t testing.TB, port int) {
	t.Helper()
	c.spawn(t, fmt.Sprintf("--remote-debugging-port=%d", port), "about:blank").WaitForPort(t, Loopback(port))
}

func (c Chromium) spawn(t testing.TB, args ...string) *Process {
	t.Helper()
	return Spawn(t, Command{Path: c.Path, Env: c.Env(), Args: append(c.flags(t), args...)})
}

// flags are the command line of every start.
func (c Chromium) flags(t testing.TB) []string {
	rules := []string{}
	for host, addr := range c.Sites {
		rules = append(rules, fmt.Sprintf("MAP %s %s", host, addr))
	}
	rules = append(rules, "MAP * ~NOTFOUND", "EXCLUDE localhost", "EXCLUDE *.localhost", "EXCLUDE 127.0.0.1", "EXCLUDE ::1")
	quic := c.QUIC
	if len(quic) == 0 {
		quic = []string{"--disable-quic"}
	}
	return append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(),
		"--host-resolver-rules=" + strings.Join(rules, ", "),
	}, quic...)
}

// Trust adds a root to the store where Chromium on Linux looks for the user's roots. certutil is in libnss3-tools.
func (c Chromium) Trust(t testing.TB, certutil, caFile string) {
	t.Helper()
	db := filepath.Join(c.Home, ".pki", "nssdb")
	if err := os.MkdirAll(db, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-N", "--empty-password", "-d", "sql:" + db},
		{"-A", "-d", "sql:" + db, "-t", "C,,", "-n", "root of the tests", "-i", caFile},
	} {
		if got := Spawn(t, Command{Path: certutil, Args: args, Env: c.Env()}).Finish(t, 20*time.Second); got.ExitCode != 0 {
			t.Fatalf("certutil: %s", got.Stderr)
		}
	}
}
