package proxyheader

import (
	"net/http"
	"slices"
	"strings"
)

// connection returns the scheme that the connection itself shows, or "".
func (p *Policy) connection(r *http.Request) string {
	switch {
	case r.TLS != nil:
		return "https"
	case p.TLSEnds, p.TLSProves:
		return "http"
	}
	return ""
}

// scheme returns the scheme of a request from a trusted proxy.
func (p *Policy) scheme(r *http.Request) string {
	values := r.Header[xForwardedProto]
	if len(values) == 0 {
		return p.connection(r)
	}
	said := schemeOf(lastWord(values))
	switch {
	case p.TLSProves && r.TLS == nil:
		if said == "https" {
			p.doubt(r, SchemeUnproven, xForwardedProto, values)
		}
		return "http"
	case said == "":
		p.doubt(r, SchemeUnread, xForwardedProto, values)
		return p.connection(r)
	case said == "http" && slices.ContainsFunc(values, saysHTTPS):
		p.doubt(r, SchemeListed, xForwardedProto, values)
	}
	return said
}

// lastWord returns the last word of a list that is not empty. The nearest proxy wrote it. The client may have forged
// the words before it.
func lastWord(values []string) string {
	for _, list := range slices.Backward(values) {
		list = strings.TrimRight(list, ", \t")
		if word := strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:]); word != "" {
			return word
		}
	}
	return ""
}

func saysHTTPS(list string) bool {
	for word := range strings.SplitSeq(list, ",") {
		if schemeOf(strings.TrimSpace(word)) == "https" {
			return true
		}
	}
	return false
}

// schemeOf returns "https", "http" or "" for one word. For WebSockets Traefik and others send wss and ws, which have
// the ports and the TLS of https and http (RFC 6455 §3).
func schemeOf(word string) string {
	switch {
	case strings.EqualFold(word, "https"), strings.EqualFold(word, "wss"):
		return "https"
	case strings.EqualFold(word, "http"), strings.EqualFold(word, "ws"):
		return "http"
	}
	return ""
}
