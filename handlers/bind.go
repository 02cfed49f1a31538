package handlers

import (
	"mime"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"

	"example.com/turnkey/middleware"
)

// Bind fills in from the request: from its JSON, its form, or for GET and where there is no body from its query. Return its
// error: it is answered with a status below 500, for it is the client's fault.
//
//	if err := Bind(c, &in); err != nil {
//		return err
//	}
//
// A type of body that is neither JSON nor a form is answered 415, unless BodyTypes has it for the route and gin has a parser
// for it. c.ShouldBind reads the same, but takes media types with their case, ignores bodies that it does not know, and
// its errors have no mark: those of an UnmarshalParam or UnmarshalText in a form are answered 500.
func Bind(c *gin.Context, in any) error {
	r := c.Request
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parser := binding.Default(r.Method, media)
	if parser == binding.Form && r.ContentLength != 0 && media != "" && media != binding.MIMEPOSTForm && r.Method != http.MethodGet {
		return Status(http.StatusUnsupportedMediaType, "The body has to be JSON or a form")
	}
	return middleware.InputError(parser.Bind(r, in))
}
