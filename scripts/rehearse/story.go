package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// story is one rehearsal: a first deployment and its first renewal. It reports each step once it has seen it.
type story struct {
	project   string
	program   string        // the built site
	names     []string      // ASCII, the canonical one first
	https     int           // ports
	plain     int           //
	life      time.Duration // of a certificate
	once      bool          // end after the renewal
	dir       string        // for all state
	out       io.Writer
	echo      func(name string) func(line string) // gets what the parts write
	begin     time.Time
	authority *authority
	visitor   *visitor
	troubles  chan error // failed attempts to get a certificate
}

// tell prints what was just seen.
func (s *story) tell(format string, args ...any) { s.line("✓", format, args...) }

func (s *story) line(mark, format string, args ...any) {
	fmt.Fprintf(s.out, "%6.1f s  %s %s\n", time.Since(s.begin).Seconds(), mark, fmt.Sprintf(format, args...))
}

// play runs the whole rehearsal. It ends when ctx is done, after a step that fails, or with -once after the renewal.
// The programs that it started have ended when it returns.
func (s *story) play(ctx context.Context) error {
	stopped := ctx
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err := s.acts(ctx, fail)
	switch {
	case stopped.Err() == nil:
		return err
	case s.once:
		return errors.New("stopped before the end")
	}
	return nil // the user ended it
}

// acts runs the steps. fail ends all of them and gives the reason.
func (s *story) acts(ctx context.Context, fail func(error)) (err error) {
	s.begin, s.troubles = time.Now(), make(chan error, 16)
	s.authority, err = openAuthority(ctx, s.dir, s.https, s.plain, s.life, fail, s.echo("authority"))
	defer s.authority.close()
	if err != nil {
		return err
	}
	s.visitor = newVisitor(s.authority.roots, s.https, s.plain)
	s.tell("the authority is up: Pebble %s at %s, with a DNS that leads every name to 127.0.0.1", pebbleVersion,
		s.authority.directory)

	trouble := func(err error) {
		select {
		case s.troubles <- err:
		default: // enough are waiting to be printed
		}
	}
	env := siteEnv(os.Environ(), s.names, s.https, s.plain, s.authority.directory, s.authority.caFile,
		filepath.Join(s.dir, "acme"))
	site, err := startSite(s.project, s.program, env, trouble, fail, s.echo(s.project))
	if err != nil {
		return err
	}
	defer site.stop(true)

	leaves, err := s.issue(ctx)
	if err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	s.invite(leaves[s.names[0]])
	return s.renew(ctx, leaves)
}

// vouched waits until the authority logs that it issued the certificate that a client received.
func (s *story) vouched(ctx context.Context, name string, leaf *x509.Certificate) error {
	for range 200 {
		if s.authority.hasIssued(leaf) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s is served with a certificate (serial %x) that the authority did not note, or issued without "+
		"a challenge", name, leaf.SerialNumber)
}

// clock formats a time of today.
func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// plainly formats a duration without zero parts.
func plainly(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
