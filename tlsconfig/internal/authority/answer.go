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
	"slices"
	"strings"
	"time"

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
			return &cert.Problem{Detail: a.asked() + " answered " + a.status() + " " + wrong, Status: resp.StatusCode}
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
	case p.HasType():
		p.Detail = cmp.Or(words, a.status())
	case words != "":
		p.Type, p.Detail = "", fmt.Sprintf("%s answered %s: %s", a.asked(), a.status(), short(words))
	default:
		p.Type, p.Detail = "", fmt.Sprintf("%s answered %s with %s", a.asked(), a.status(), a.content())
	}
	return p
}

// nested returns a problem that is part of another object. The CA's header alone says when to try again.
func (a answer) nested(p cert.Problem) cert.Problem {
	p.RetryAfter, p.Instance = 0, a.resolve(p.Instance)
	return p
}

// otherThan describes a successful answer of another kind than was asked for, or returns "".
func (a answer) otherThan(want kind) string {
	var fields struct{ NewNonce, NewAccount, NewOrder, Status, Finalize string }
	switch {
	case want == nonceOf && a.response.Header.Get("Replay-Nonce") == "":
		return "without a Replay-Nonce header, which every ACME server sends"
	case want == chainOf && !bytes.Contains(a.body, []byte("-----BEGIN")):
		return "with " + a.content() + " instead of a certificate"
	case want == nonceOf, want == chainOf:
	case unmarshalLoosely(a.body, &fields) != nil:
		return "with " + a.content() + " instead of the JSON of an ACME server"
	case want == directoryOf && (fields.NewNonce == "" || fields.NewAccount == "" || fields.NewOrder == ""):
		return "with JSON that is no ACME directory: newNonce, newAccount or newOrder is missing"
	case want == orderOf && fields.Finalize == "":
		return "with JSON that is no ACME order: finalize is missing"
	case want == objectOf && fields.Status == "":
		return "with JSON that an ACME server does not send: status is missing"
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
	if u, err := url.Parse(raw); err == nil {
		return u.String()
	}
	return raw
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

func (a answer) isAbout(o cert.Order) bool {
	return slices.Contains([]string{o.URL, o.Finalize, o.Certificate}, firstRequest(a.request).URL.String())
}

// shownURL returns a URL without user, password and query, which may be secret.
func shownURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func (a answer) status() string {
	return strings.TrimSpace(fmt.Sprint(a.response.StatusCode, " ", http.StatusText(a.response.StatusCode)))
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

// short returns text on one line, cut off after 200 characters.
func short(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if runes := []rune(text); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return text
}

var (
	linkValue    = regexp.MustCompile(`<([^>]*)>([^<]*)`) // target and parameters, such as ;rel="help";title="…"
	linkRelation = regexp.MustCompile(`(?i);\s*rel\s*=\s*"?([^";,]*)`)
)

// link returns the target of the first Link header (RFC 8288) with one of the relations.
func (a answer) link(relations ...string) string {
	links := linkValue.FindAllStringSubmatch(strings.Join(a.response.Header.Values("Link"), ","), -1)
	for _, relation := range relations {
		for _, link := range links {
			rel := linkRelation.FindStringSubmatch(link[2])
			if rel != nil && slices.Contains(strings.Fields(strings.ToLower(rel[1])), relation) {
				return a.resolve(link[1])
			}
		}
	}
	return ""
}

// resolve returns the absolute web address of a reference. It is empty for anything that a browser should not open.
func (a answer) resolve(reference string) string {
	if reference == "" || len(reference) > 2000 {
		return ""
	}
	u, err := a.request.URL.Parse(reference)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}

// final reports whether the CA would refuse the same request again. orderNotReady is not final: a CA says it to a
// second request to finalize an order, and a proxy that lost the answer to the first one causes the second.
func final(p *cert.Problem) bool {
	passing := p.Status == http.StatusTooManyRequests || p.Status == http.StatusRequestTimeout ||
		strings.HasSuffix(p.Type, ":badNonce") || strings.HasSuffix(p.Type, ":orderNotReady")
	return 400 <= p.Status && p.Status < 500 && !passing
}

// worst returns the problem that explains a failed attempt. A challenge's own problem comes before what followed from
// it. If several types of challenge failed, the last problem has the others as subproblems. There is at least one.
func worst(problems []cert.Problem) *cert.Problem {
	var failed []cert.Problem
	for _, p := range problems {
		if p.Challenge != "" && (len(failed) == 0 || failed[len(failed)-1].Challenge != p.Challenge) {
			failed = append(failed, p)
		}
	}
	if len(failed) == 0 {
		failed = problems[len(problems)-1:]
	}
	last := failed[len(failed)-1]
	last.Subproblems = append(slices.Clip(last.Subproblems), failed[:len(failed)-1]...)
	for _, p := range problems {
		last.RetryAfter = max(last.RetryAfter, p.RetryAfter)
	}
	return &last
}
