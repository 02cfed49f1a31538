package kit

import (
	"mime"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"

	"example.com/turnkey/middleware/input"
)

// Bind reads the request into in: its JSON or form, or its query for GET and for a request without a body. Return its error,
// which is then answered with a 4xx status, as the client's fault.
//
//	if err := Bind(c, &in); err != nil {
//		return err
//	}
//
// A body that is neither JSON nor a form is answered 415, unless BodyTypes has its type for the route and gin has a parser
// for it. c.ShouldBind reads the same, but it recognises media types in lower case only and ignores bodies of types that it
// does not know. Its errors are not marked as the client's: those of an UnmarshalParam or UnmarshalText in a form are
// answered 500.
func Bind(c *gin.Context, in any) error {
	r := c.Request
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parser := binding.Default(r.Method, media)
	hasBody := r.ContentLength != 0 && r.Method != http.MethodGet                          // gin reads no body of a GET
	if parser == binding.Form && hasBody && media != "" && media != binding.MIMEPOSTForm { // gin's choice for an unknown type
		return Status(http.StatusUnsupportedMediaType, "The body has to be JSON or a form")
	}
	return input.Mark(parser.Bind(r, in))
}
