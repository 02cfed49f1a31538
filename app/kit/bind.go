package kit

import (
	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
)

// Bind reads the request into in, a pointer: JSON or a form from the body, or the query for GET and for a request
// without a body. Return its error. It is answered with a 4xx status, as the client's fault.
//
//	if err := Bind(c, &in); err != nil {
//		return err
//	}
//
// A form's field that cannot be parsed leaves all others filled, so that the form can be shown again. The "on" that
// browsers send for a checkbox is true.
//
// A body that is neither JSON nor a form is answered 415, unless BodyTypes lists its type for the route and gin has a
// parser for it. So is a form that cannot fill in: a list, or a map of other values than strings. A body that the
// handler has read already is the handler's fault: 500.
//
// c.ShouldBind reads the same input, but it recognises media types in lower case only, it ignores bodies of types that
// it does not know, and it stops at the first bad field of a form. It does not mark its errors as the client's: an
// error of UnmarshalParam or UnmarshalText in a form is answered 500.
func Bind(c *gin.Context, in any) error { return input.Bind(c, in, false) }

// BindStrict is Bind that also refuses a JSON body or a form with a field that in does not have, and names the field.
func BindStrict(c *gin.Context, in any) error { return input.Bind(c, in, true) }

// FieldError says what is wrong with one field of an input.
type FieldError = input.FieldError

// FieldErrors returns what Bind found wrong with each field, 100 of them at most, or nil for an error that is about no
// field.
func FieldErrors(err error) []FieldError { return input.FieldErrors(err) }

// Invalid returns an error about a field that your handler checked itself: Invalid("email", "has an account already").
// It is answered 422, and FieldErrors and {{invalid .Err "email"}} know it.
func Invalid(field, detail string) error { return input.Invalid(field, detail) }
