package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"
)

// issueTime is the timeout for the first certificate of every name, on a busy machine.
const issueTime = time.Minute

// issue waits until every name is served with a certificate that the authority has issued.
func (s *story) issue(ctx context.Context) (map[string]*x509.Certificate, error) {
	timeout := time.After(issueTime)
	leaves := map[string]*x509.Certificate{}
	opened := false
	next := 5 * time.Millisecond // the time before the certificate is short
	for {
		var last error
		for _, name := range s.names {
			if leaves[name] != nil {
				continue
			}
			leaf, err := s.visitor.probe(ctx, name)
			if !opened && (err == nil || turnedAway(err)) {
				opened, next = true, 50*time.Millisecond
				seen := "no certificate yet, so a first visitor's handshake is refused"
				if err == nil {
					seen = "its certificate was there before the first visitor"
				}
				s.tell("%s is started with ENV=prod on port %d, plain http on %d; %s", s.project, s.https, s.plain, seen)
			}
			if err != nil {
				last = err
				continue
			}
			if err := s.vouched(ctx, name, leaf); err != nil {
				return nil, err
			}
			leaves[name] = leaf
			s.tell("%s: challenge answered, certificate issued by %s until %s", name, leaf.Issuer.CommonName,
				clock(leaf.NotAfter))
		}
		if len(leaves) == len(s.names) {
			return leaves, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case err := <-s.troubles:
			return nil, err
		case <-timeout:
			return nil, fmt.Errorf("%d of %d names are served after %s; the last visitor met: %w", len(leaves), len(s.names),
				issueTime, last)
		case <-time.After(next):
		}
	}
}

// look makes the requests that show whether a deployment is in order.
func (s *story) look(ctx context.Context) error {
	name := s.names[0]
	secure, plain := siteURL("https", name, s.https), siteURL("http", name, s.plain)
	page, err := s.visitor.get(ctx, secure, "")
	switch {
	case err != nil:
		return err
	case page.StatusCode >= 500:
		return fmt.Errorf("%s answers %s; does its handler need something that is not here?", secure, page.Status)
	}
	hsts := "no Strict-Transport-Security"
	if v := page.Header.Get("Strict-Transport-Security"); v != "" {
		hsts = "Strict-Transport-Security: " + v
	}
	s.tell("https answers %d (%s), %s", page.StatusCode, page.TLS.NegotiatedProtocol, hsts)

	moved, err := s.visitor.get(ctx, plain, "")
	switch {
	case err != nil:
		return err
	case moved.StatusCode != http.StatusPermanentRedirect || moved.Header.Get("Location") != secure:
		return fmt.Errorf("%s answers %s to %q, want a permanent redirect (308) to %s", plain, moved.Status,
			moved.Header.Get("Location"), secure)
	}
	s.tell("http redirects %d to %s", moved.StatusCode, moved.Header.Get("Location"))

	const stranger = "stranger.invalid"
	for _, url := range []string{secure, plain} {
		other, err := s.visitor.get(ctx, url, stranger)
		switch {
		case err != nil:
			return err
		case other.StatusCode != http.StatusMisdirectedRequest:
			return fmt.Errorf("%s answers %s to a request for %s, want 421", url, other.Status, stranger)
		}
	}
	s.tell("a stranger's host gets %d, on both ports", http.StatusMisdirectedRequest)
	return nil
}

// invite tells how to look at the site.
func (s *story) invite(leaf *x509.Certificate) {
	name := s.names[0]
	fmt.Fprintf(s.out, "\n  ➜  %s\n\n  %s\n\n", siteURL("https", name, s.https),
		curlLine(runtime.GOOS, os.Getenv, s.authority.rootFile, name, s.https))
	fmt.Fprintf(s.out, "  A browser needs %s at 127.0.0.1 in this machine's hosts file while it lasts. It will warn, "+
		"on purpose:\n", name)
	fmt.Fprintln(s.out, "  no browser trusts the root of a test CA, and none should.")
	due := time.Until(leaf.NotAfter.Add(-s.life / 2)).Round(time.Second)
	fmt.Fprintf(s.out, "  Certificates live %s here and are renewed half way, in about %s. Ctrl-C ends it all.\n\n",
		plainly(s.life), plainly(due))
}
