package apptest

import (
	"net/http"
	"net/http/cookiejar"
	"os"
	"testing"
)

// Site is a running site, as one visitor sees it. A method that sends a request ends the test if no answer comes.
type Site struct {
	// URL is where the site is, without a final slash: https://site.test. Only Client reaches it, because the name
	// is in no DNS and the port is not the one that the site listens on.
	URL string

	// Client is the visitor's. It trusts the site's certificate, keeps cookies, and reaches the site under each of
	// its names. It gives up after 20 seconds. It follows no redirect, so that a test sees the redirect itself. With
	// Client.CheckRedirect = nil it follows them.
	Client *http.Client

	t       testing.TB
	program *program
}

// Visitor returns the same site as another visitor sees it, who has no cookies yet.
func (s *Site) Visitor() *Site {
	s.t.Helper()
	transport := s.program.transport()
	transport.ForceAttemptHTTP2 = true
	s.t.Cleanup(transport.CloseIdleConnections)
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := &http.Client{Transport: transport, Jar: jar, Timeout: waitTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Site{URL: s.program.url, Client: client, t: s.t, program: s.program}
}

// Stop stops the site as SIGTERM does, waits until it has ended, and returns the exit status of the program. It is
// 0 if every request was answered in full. The end of the test does the same for a site that still runs.
func (s *Site) Stop() int {
	s.t.Helper()
	s.Client.CloseIdleConnections()
	return s.program.stop(s.t)
}

// Reload does what SIGHUP does: the site looks at its certificate files again.
func (s *Site) Reload() { s.program.reload <- os.Interrupt }
