package middleware

import (
	"net/http"
	"strings"
	"unicode"
)

// mendDisposition repairs the header of a download that c.FileAttachment of gin wrote. A control character in the
// file's name would cost the header over HTTP/2, so that browsers show the file in place of saving it, and the whole
// response over HTTP/1.1. In a name that is not ASCII gin writes a space as +, which browsers keep (RFC 8187 §3.2.1).
// kit.Attachment needs neither.
func mendDisposition(header http.Header) {
	value := header["Content-Disposition"]
	if len(value) != 1 {
		return
	}
	mended := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, value[0])
	if encoded, ok := strings.CutPrefix(mended, "attachment; filename*=UTF-8''"); ok {
		mended = "attachment; filename*=UTF-8''" + strings.ReplaceAll(encoded, "+", "%20")
	}
	if mended != value[0] {
		header.Set("Content-Disposition", mended)
	}
}
