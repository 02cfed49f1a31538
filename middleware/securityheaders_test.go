package middleware

import (
	"slices"
	"strings"
	"testing"
)

// The table of types is this test's: each of these is left without the headers of documents, and nothing else is.
func TestWhatBrowsersMakeDocumentsOf(t *testing.T) {
	t.Parallel()
	for media := range noDocuments {
		if strings.Contains(media, "xml") || strings.Contains(media, "html") || strings.Contains(media, "script") ||
			!slices.Contains([]string{"application", "audio", "font", "image", "text", "video"}, media[:strings.Index(media, "/")]) ||
			strings.HasPrefix(media, "application/") && !strings.HasSuffix(media, "json") {
			t.Errorf("%s is no document: why?", media)
		}
		for _, value := range []string{media, media + "; charset=utf-8", media + ";a=b"} {
			if isDocument([]string{value}) {
				t.Errorf("%q is a document", value)
			}
		}
	}
	for _, values := range [][]string{
		nil, {}, {""}, {";"}, {"text/css", "text/css"}, {"text/html"}, {"text/html; charset=utf-8"},
		{"application/xhtml+xml"}, {"text/xml"}, {"application/xml"}, {"application/atom+xml"}, {"image/svg+xml"},
		{"application/pdf"}, {"text/javascript"}, {"application/javascript"}, {"application/wasm"},
		{"text/plain"}, {"text/plain; charset=utf-8"}, {"text/markdown"}, {"application/octet-stream"},
		{"multipart/x-mixed-replace"}, {"image/unknown"}, {"application/vnd.api+json"}, {"Application/JSON"},
		{" application/json"}, {"application/json ;a=b"}, {"application/json, text/html"},
		{"application/json; a=b, text/html"},
	} {
		if !isDocument(values) {
			t.Errorf("%q is no document", values)
		}
	}
}
