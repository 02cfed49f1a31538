package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strings"
	"time"
)

//go:embed page
var files embed.FS

var page = template.Must(template.ParseFS(files, "page/index.html"))

// handover serves the page and the files that newHandover lists.
type handover struct {
	sha256 string // of the root, in pairs of digits
	answer map[string]content
	policy string
	say    func(line string)
}

type content struct {
	kind, download string
	body           []byte
	told           string // for the terminal: what a visitor does who requests it
}

// newHandover serves the root for the site at an address that ends in a slash. say gets a line about each visitor.
func newHandover(project, site string, root *x509.Certificate, say func(string)) *handover {
	h := &handover{
		sha256: pairs(root.Raw), say: say,
		policy: "default-src 'none'; style-src 'self'; script-src 'self'; connect-src " + strings.TrimSuffix(site, "/") +
			"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
	var html bytes.Buffer
	err := page.Execute(&html, map[string]any{
		"Project": project, "Site": site, "Probe": site + "healthz", "SHA256": h.sha256,
		"Root": root.Subject.CommonName, "Until": root.NotAfter.Format(time.DateOnly),
		"Any":     len(root.PermittedDNSDomains) == 0, // see DEV_CA_CONSTRAINTS
		"Profile": "/" + project + ".mobileconfig", "Certificate": "/" + project + ".crt",
	})
	if err != nil {
		panic(err) // the template is ours
	}
	h.answer = map[string]content{
		"/":          {"text/html; charset=utf-8", "", html.Bytes(), "opened the page"},
		"/phone.css": {"text/css; charset=utf-8", "", embedded("page/phone.css"), ""},
		"/phone.js":  {"text/javascript; charset=utf-8", "", embedded("page/phone.js"), ""},
		"/" + project + ".mobileconfig": {"application/x-apple-aspen-config", "", profile(project, root),
			"took the profile for iPhone and iPad"},
		"/" + project + ".crt": {"application/x-x509-ca-cert", project + ".crt", root.Raw, "took the certificate"},
	}
	return h
}

func (h *handover) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", h.policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	c, ok := h.answer[r.URL.Path]
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	if c.told != "" && r.Method == http.MethodGet {
		visitor, _, _ := net.SplitHostPort(r.RemoteAddr)
		h.say(visitor + " " + c.told)
	}
	header.Set("Content-Type", c.kind)
	if c.download != "" {
		header.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", c.download))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(c.body))
}

// pairs writes a SHA-256 as devices show it.
func pairs(der []byte) string { return fmt.Sprintf("% X", sha256.Sum256(der)) }

func embedded(name string) []byte {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is part of this program
	}
	return data
}
