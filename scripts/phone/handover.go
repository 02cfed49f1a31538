package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strings"
	text "text/template"
	"time"
)

var (
	//go:embed page/index.html
	html string
	//go:embed page/phone.css
	css []byte
	//go:embed page/phone.js
	script []byte

	//go:embed page/profile.xml
	plist string

	page         = template.Must(template.New("").Parse(html))
	mobileconfig = text.Must(text.New("").Parse(plist))
)

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
	told           string // for the terminal: what a visitor who requests it does
}

// newHandover serves the root for the site at an address that ends in a slash. say gets a line about each visitor.
func newHandover(project, site string, root *x509.Certificate, say func(string)) *handover {
	h := &handover{
		sha256: pairs(root.Raw), say: say,
		policy: "default-src 'none'; style-src 'self'; script-src 'self'; connect-src " + strings.TrimSuffix(site, "/") +
			"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
	var index bytes.Buffer
	err := page.Execute(&index, map[string]any{
		"Project": project, "Site": site, "Probe": site + "healthz", "SHA256": h.sha256,
		"Root": root.Subject.CommonName, "Until": root.NotAfter.Format(time.DateOnly),
		"Any":     len(root.PermittedDNSDomains) == 0, // see DEV_CA_CONSTRAINTS
		"Profile": "/" + project + ".mobileconfig", "Certificate": "/" + project + ".crt",
	})
	if err != nil {
		panic(err) // the template is ours
	}
	h.answer = map[string]content{
		"/":          {"text/html; charset=utf-8", "", index.Bytes(), "opened the page"},
		"/phone.css": {"text/css; charset=utf-8", "", css, ""},
		"/phone.js":  {"text/javascript; charset=utf-8", "", script, ""},
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

// profile is what an iPhone or iPad installs: one root certificate, unsigned. See "Profile-Specific Payload Keys" in
// Apple's device management documentation. Its identifiers follow from the root, so that a second installation replaces
// the first.
func profile(project string, root *x509.Certificate) []byte {
	sum := sha256.Sum256(root.Raw)
	var out bytes.Buffer
	err := mobileconfig.Execute(&out, map[string]string{
		"Project": project, "Name": root.Subject.CommonName, "ID": fmt.Sprintf("%x", sum[:4]),
		"UUID": uuid(sum[:16]), "RootUUID": uuid(sum[16:]), "Base64": base64.StdEncoding.EncodeToString(root.Raw),
	})
	if err != nil {
		panic(err) // the template is ours
	}
	return out.Bytes()
}

// uuid returns a UUID of version 8, which leaves its bits to the application (RFC 9562 §5.8).
func uuid(b []byte) string {
	b = bytes.Clone(b)
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
