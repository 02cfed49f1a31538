package site

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
)

// challenge requests the URL where a CA looks for the answer to http-01 (RFC 8555 §8.3), with a random token. A server
// that answers challenges answers it with 404.
func (l *look) challenge(ctx context.Context) section {
	const name = "http-01"
	s := section{group: "challenge"}
	if len(l.http) == 0 {
		s.skip(name, l.unheard()+"; tls-alpn-01, by the port of https, and DNS challenges need no plain http")
		return s
	}
	path := "/.well-known/acme-challenge/turnkey-doctor-" + rand.Text()
	hops, loop, err := l.walk(ctx, l.url("http", path))
	const through = "let /.well-known/acme-challenge/ on plain http reach the server that orders the certificate, " +
		"before any redirect, login or page"
	if err != nil {
		s.wrong(name, strings.ReplaceAll(err.Error(), path,
			"/.well-known/acme-challenge/…")+": authorities would say the same", through)
		return s
	}
	last := hops[len(hops)-1]
	by := ""
	if len(hops) > 1 {
		by = ", after a redirect to " + part(last.url.Scheme) + ", which authorities follow"
	}
	switch status := last.status; {
	case loop:
		s.wrong(name, "a challenge ends in a loop of redirects", through)
	case last.to != nil:
		s.warn(name, "challenges are redirected to "+part(last.to.Scheme+"://"+last.to.Host)+": the answers have to be on "+
			"that server", through)
	case last.redirect():
		s.wrong(name, "challenges are redirected to nowhere", through)
	case status == http.StatusNotFound || status == http.StatusGone:
		s.ok(name, fmt.Sprintf("challenges reach the server: an unknown one is answered with %d%s", status, by))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		s.wrong(name, fmt.Sprintf("challenges are refused with %d%s", status, by), through)
	case status == http.StatusMisdirectedRequest:
		s.wrong(name, "the server does not know this host: 421",
			"add "+l.host+" to its names; for a site of this project, to DOMAINS")
	case status >= 500:
		s.wrong(name, fmt.Sprintf("challenges are answered with %d%s", status, by), through)
	case status < 300:
		s.warn(name, fmt.Sprintf("an unknown challenge is answered with %d and a page, not with 404%s: where a real one "+
			"gets that too, validation fails", status, by), through)
	default:
		s.warn(name, fmt.Sprintf("an unknown challenge is answered with %d, not with 404%s", status, by), through)
	}
	return s
}
