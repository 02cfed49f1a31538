package middleware

import "strings"

// noDocuments are the media types of which browsers make no document that acts: no script runs in it, no form is in it,
// and no worker. Every other type is a document. Among these are
//   - HTML, PDF, every XML and so SVG, which all hold scripts,
//   - scripts, since a worker takes its policy from its script's response,
//   - text/plain, which people write for others to read: it stays a page as strict as the rest.
var noDocuments = map[string]bool{
	"application/json": true, "application/problem+json": true, "application/manifest+json": true,
	"text/css": true, "text/event-stream": true,
	"image/avif": true, "image/gif": true, "image/jpeg": true, "image/png": true, "image/webp": true,
	"image/x-icon": true, "image/vnd.microsoft.icon": true,
	"font/otf": true, "font/ttf": true, "font/woff": true, "font/woff2": true,
	"audio/mpeg": true, "audio/mp4": true, "audio/ogg": true, "audio/wav": true, "audio/webm": true,
	"video/mp4": true, "video/ogg": true, "video/webm": true,
}

// isDocument reports whether browsers may make a document of a response with that Content-Type. It does without the
// cases and spaces that RFC 9110 §8.3.1 allows: what it does not know is a document. Browsers take the last type of a
// list (https://fetch.spec.whatwg.org/#concept-header-extract-mime-type), so a comma makes a document too.
func isDocument(contentType []string) bool {
	if len(contentType) != 1 || strings.Contains(contentType[0], ",") {
		return true
	}
	media, _, _ := strings.Cut(contentType[0], ";")
	return !noDocuments[media]
}
