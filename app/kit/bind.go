package kit

import (
	"mime"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"

	"example.com/turnkey/middleware/input"
)

// Bind reads the request into in, a pointer: JSON or a form from the body, or the query for GET and for a request
// without a body. Return its error. It is answered with a 4xx status, as the client's fault.
//
//	if err := Bind(c, &in); err != nil {
//		return err
//	}
//
// A body that is neither JSON nor a form is answered 415, unless BodyTypes lists its type for the route and gin has a
// parser for it.
//
// c.ShouldBind reads the same input, but it recognises media types in lower case only, and it ignores bodies of types
// that it does not know. It does not mark its errors as the client's: an error of UnmarshalParam or UnmarshalText in a
// form is answered 500.
func Bind(c *gin.Context, in any) error {
	r := c.Request
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parser := binding.Default(r.Method, media)
	hasBody := r.ContentLength != 0 && r.Method != http.MethodGet // gin reads no body of a GET
	// gin takes the form's parser for every type that it does not know.
	if parser == binding.Form && hasBody && media != "" && media != binding.MIMEPOSTForm {
		return Status(http.StatusUnsupportedMediaType, "The body has to be JSON or a form")
	}
	return input.Mark(parser.Bind(r, in))
}
