package middleware

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
)

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "text/html", "text/html;q=0.1, application/json;q=0.9", "*/*;q=x", ";;;,,,",
		"text/html;q=NaN", "text/html;q=1e999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		lower := strings.ToLower(accept)
		if prefersHTML(accept) && !strings.Contains(lower, "text/") && !strings.Contains(lower, "xhtml") {
			t.Errorf("%q is taken for a wish for HTML", accept)
		}
	})
}

func FuzzRequestID(f *testing.F) {
	f.Add("abc-1_2.3")
	f.Add("a\r\nSet-Cookie: x=y")
	f.Fuzz(func(t *testing.T, id string) {
		if validID(id) && (len(id) > 64 || strings.ContainsAny(id, " \r\n\t\"\\<>=;,") || id == "") {
			t.Errorf("%q counts as an id", id)
		}
	})
}

// No value of Content-Type may make gin use another parser than those for JSON and forms.
func FuzzContentType(f *testing.F) {
	for _, media := range []string{"application/x-yaml", "application/xml", "text/xml", "application/toml",
		"application/bson", "application/x-protobuf", "application/json", "image/png", ""} {
		for _, more := range []string{"", " junk", ";a=b", "\tx", ";;;", ", text/xml"} {
			f.Add(media+more, "", true)
			f.Add(strings.ToUpper(media)+more, media, true)
			f.Add(" "+media+more, media, false)
		}
	}
	gin.SetMode(gin.ReleaseMode)
	f.Fuzz(func(t *testing.T, header, second string, hasBody bool) {
		var body io.Reader
		if hasBody {
			body = strings.NewReader("x")
		}
		for _, method := range []string{"GET", "POST", "DELETE"} {
			r := httptest.NewRequest(method, "/", body)
			r.Header["Content-Type"] = []string{header}
			if second != "" {
				r.Header["Content-Type"] = []string{header, second}
			}
			c, _ := gin.CreateTestContext(httptest.NewRecorder())
			c.Request = r
			mediaTypes(nil)(c)
			if c.IsAborted() {
				if status, _ := statusOf(c, c.Errors.Last().Err); status != http.StatusUnsupportedMediaType {
					t.Errorf("%s %q got %d, want 415", method, header, status)
				}
				continue
			}
			for _, spelling := range []string{c.ContentType(), strings.ToLower(c.ContentType()),
				strings.TrimSpace(c.ContentType())} {
				switch b := binding.Default(http.MethodPost, spelling); b {
				case binding.JSON, binding.Form, binding.FormMultipart:
				default:
					t.Errorf("%s %q %q chooses the parser for %s", method, header, second, b.Name())
				}
			}
		}
	})
}
