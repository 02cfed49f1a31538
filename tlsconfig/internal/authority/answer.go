package authority

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/turnkey/tlsconfig/internal/cert"
)

// problemType is the media type of a problem document (RFC 9457).
const problemType = "application/problem+json"

// answer is a response to a request to an ACME server. It comes from the server, or from a proxy in front of it.
type answer struct {
	request  *http.Request
	response *http.Response
	body     []byte
}

// kind is what an answer should be.
type kind int

const (
	objectOf    kind = iota // account, authorization or challenge
	directoryOf             // the list of URLs (RFC 8555 §7.1.1)
	orderOf                 // RFC 8555 §7.1.3
	chainOf                 // PEM, whatever its media type
	nonceOf                 // only a header (RFC 8555 §7.2)
)

// problem returns what went wrong. It has the CA's words if the answer is a problem document (RFC 8555 §6.7). Otherwise
// it says which URL answered, with what status and what kind of body. It is nil if the answer is what it should be.
func (a answer) problem(want kind) *cert.Problem {
	resp := a.response
	if 300 <= resp.StatusCode && resp.StatusCode < 400 {
		return nil // the HTTP client follows the redirect, and a problem at its target names this URL too
	}
	if resp.StatusCode < 400 && a.mediaType() != problemType {
		if wrong := a.otherThan(want); wrong != "" {
			return &cert.Problem{Detail: a.asked() + " " + wrong, Status: resp.StatusCode}
		}
		return nil
	}
	var doc struct {
		cert.Problem
		Title string // stands in for a missing detail
	}
	json.Unmarshal(a.body, &doc) // doc stays empty for a body that is no problem document
	p := &doc.Problem
	p.Status, p.RetryAfter = resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), time.Now())
	p.Instance, p.Link = a.resolve(p.Instance), a.link("terms-of-service", "help")
	words := cmp.Or(p.Detail, doc.Title)
	switch {
	case !p.HasType() && words != "":
		p.Type, p.Detail = "", fmt.Sprintf("%s answered %s: %s", a.asked(), a.status(), short(words))
	case !p.HasType():
		p.Type, p.Detail = "", fmt.Sprintf("%s answered %s with %s", a.asked(), a.status(), a.content())
	default:
		p.Detail = cmp.Or(words, a.status())
	}
	return p
}

// nested returns a problem that is part of another object. The CA's header alone says when to try again.
func (a answer) nested(p cert.Problem) cert.Problem {
	p.RetryAfter, p.Instance = 0, a.resolve(p.Instance)
	return p
}

// otherThan describes a successful answer that is not what it should be. It is empty for one that is.
func (a answer) otherThan(want kind) string {
	var fields struct{ NewNonce, NewAccount, NewOrder, Status, Finalize string }
	switch want {
	case nonceOf:
		if a.response.Header.Get("Replay-Nonce") == "" {
			return "answered " + a.status() + " without a Replay-Nonce header, which every ACME server sends"
		}
		return ""
	case chainOf:
		if !bytes.Contains(a.body, []byte("-----BEGIN")) {
			return fmt.Sprintf("answered %s with %s instead of a certificate", a.status(), a.content())
		}
		return ""
	}
	if unmarshalLoosely(a.body, &fields) != nil {
		return fmt.Sprintf("answered %s with %s instead of the JSON of an ACME server", a.status(), a.content())
	}
	switch {
	case want == directoryOf && (fields.NewNonce == "" || fields.NewAccount == "" || fields.NewOrder == ""):
		return "answered " + a.status() +
			" with JSON that is no ACME directory: newNonce, newAccount or newOrder is missing"
	case want == orderOf && fields.Finalize == "":
		return "answered " + a.status() + " with JSON that is no ACME order: finalize is missing"
	case want == objectOf && fields.Status == "":
		return "answered " + a.status() + " with JSON that an ACME server does not send: status is missing"
	}
	return ""
}

// unmarshalLoosely reads JSON, and skips a field whose type is not ours: the identifier of a subproblem is an object
// (RFC 8555 §6.7.1), and must not hide the problem around it.
func unmarshalLoosely(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	if _, isType := errors.AsType[*json.UnmarshalTypeError](err); isType {
		return nil
	}
	return err
}

// canonicalURL returns a URL in the spelling of (*url.URL).String, to be compared with the URL of a request.
func canonicalURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.String()
}

// asked names the URL that answered. After a redirect it also names the URL of the first request.
func (a answer) asked() string {
	first := firstRequest(a.request)
	if first == a.request {
		return shownURL(a.request.URL)
	}
	return shownURL(first.URL) + " redirected to " + shownURL(a.request.URL) + ", which"
}

// firstRequest returns the request whose redirects led to r, or r itself.
func firstRequest(r *http.Request) *http.Request {
	for r.Response != nil && r.Response.Request != nil {
		r = r.Response.Request
	}
	return r
}

// isAbout reports whether the answer is about an order or its certificate.
func (a answer) isAbout(o cert.Order) bool {
	url := firstRequest(a.request).URL.String()
	return url == o.URL || url == o.Finalize || url == o.Certificate
}

// shownURL returns a URL without user, password and query, which may be secret.
func shownURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func (a answer) status() string {
	if text := http.StatusText(a.response.StatusCode); text != "" {
		return fmt.Sprintf("%d %s", a.response.StatusCode, text)
	}
	return fmt.Sprint(a.response.StatusCode)
}

func (a answer) mediaType() string {
	t, _, _ := mime.ParseMediaType(a.response.Header.Get("Content-Type"))
	return t
}

var htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>\s*(.*?)\s*</title>`)

// content describes a body that is not what the request asked for.
func (a answer) content() string {
	t, start := a.mediaType(), bytes.ToLower(bytes.TrimSpace(a.body[:min(len(a.body), 512)]))
	switch {
	case len(bytes.TrimSpace(a.body)) == 0:
		return "an empty body"
	case t == "text/html", bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		if m := htmlTitle.FindSubmatch(a.body); m != nil {
			return fmt.Sprintf("an HTML page titled %q", short(html.UnescapeString(string(m[1]))))
		}
		return "an HTML page"
	case t == "application/json" || strings.HasSuffix(t, "+json") || bytes.HasPrefix(start, []byte("{")):
		switch err := json.NewDecoder(bytes.NewReader(a.body)).Decode(new(json.RawMessage)); {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return "JSON that is cut off"
		case err != nil:
			return "JSON that cannot be read"
		}
		return "JSON of another kind"
	}
	return fmt.Sprintf("%d bytes of %s", len(a.body), cmp.Or(t, "no content type"))
}

// short returns text on one line, cut off after 200 bytes.
func short(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) <= most {
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
