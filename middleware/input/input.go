// Package input finds what is wrong with a request's input, so that the client's faults are answered with a 4xx status
// and the field's name, and not logged as errors of the server. gin's errors do not tell whose fault they are, and most
// have no type of their own. So the package works in three steps: PatchGin marks what gin's parsers report, Watch
// remembers the request's body, and Status decides.
package input

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"
)

// markedError marks an error as the client's fault.
type markedError struct{ error }

func (e markedError) Unwrap() error { return e.error }

// mark marks an error of reading a request as the client's fault, so that it is answered with a 4xx status and not
// logged as an error. It returns errors that only the program or the machine can cause as they are.
func mark(err error) error {
	if err == nil || isOurs(err) {
		return err
	}
	return markedError{err}
}

// Status returns the status and the text for an error of reading a request's body, query or path that is the client's
// fault, and 0 for any other error. An error that is not marked, such as one of c.ShouldBind, is the client's fault
// if it is about a text that the client sent.
func Status(c *gin.Context, err error) (status int, detail string) {
	if is[invalid](err) || is[validator.ValidationErrors](err) || is[binding.SliceValidationError](err) {
		return http.StatusUnprocessableEntity, "Some fields are not valid"
	}
	if value, want := refused(err); want == "a time zone" && sent(c, value) { // of a tag it is ours
		return http.StatusBadRequest, valueError(c, err, false)
	}
	if errors.Is(err, http.ErrNoCookie) {
		return http.StatusBadRequest, "A cookie is missing"
	}
	if isOurs(err) || errors.Is(err, errReadTwice) || errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, ""
	}
	if is[readError](err) {
		return http.StatusBadRequest, "The body did not arrive completely"
	}
	marked := is[markedError](err)
	isJSON := is[jsonMark](err) || marked && is[*json.SyntaxError](err) // the handler called encoding/json itself
	if fields := describe(err, nil); len(fields) == 1 {
		name := cmp.Or(strings.TrimPrefix(fields[0].Pointer, "#/"), "#")
		return http.StatusBadRequest, strings.Replace(name, "#", "The body", 1) + " " + fields[0].Detail
	} else if len(fields) > 0 {
		return http.StatusBadRequest, "Some fields are not valid"
	}
	b := bodyOf(c)
	unseen := b.hasOtherReader() && !b.keeps // such as text/plain that c.ShouldBindXML read: nothing of it was kept
	if detail := valueError(c, err, marked || isJSON || unseen); detail != "" {
		return http.StatusBadRequest, detail
	}
	if isJSON {
		return http.StatusBadRequest, jsonError(err)
	}
	if status, detail := formError(c, err, marked); status != 0 {
		return status, detail
	}
	if marked || b.hasOtherReader() && (err == io.EOF || isParserError(err)) {
		return http.StatusBadRequest, "The request cannot be parsed"
	}
	return 0, ""
}

// errReadTwice is the error for a handler that binds a body which was read already.
var errReadTwice = errors.New("the body was read already: bind it once, or keep it with c.ShouldBindBodyWithJSON")

// Clarify returns err, or what is known of it beyond its text: that the handler read a body twice, or that the handler
// decoded the body's JSON itself.
func Clarify(c *gin.Context, err error) error {
	b := bodyOf(c)
	if err == nil {
		return nil
	}
	if hasNone := c.Request.ContentLength == 0 && c.Request.Method != http.MethodGet; hasNone &&
		(err == io.EOF || err.Error() == endOfJSON) {
		return jsonMark{error: io.EOF} // the handler itself decoded a body that did not come
	}
	if b != nil && b.ended && errors.Is(err, io.EOF) && is[jsonMark](err) {
		return errReadTwice
	}
	if is[markedError](err) {
		return err
	}
	return b.refusedJSON(err)
}

// isOurs reports whether only the program or the machine can cause err: a type that cannot be filled, a full disk.
func isOurs(err error) bool {
	text := err.Error()
	return is[*json.InvalidUnmarshalError](err) || is[*validator.InvalidValidationError](err) || is[*fs.PathError](err) ||
		errors.Is(err, http.ErrBodyReadAfterClose) ||
		errors.Is(err, binding.ErrConvertMapStringSlice) || errors.Is(err, binding.ErrConvertToMapString) ||
		text == "unknown type" || strings.Contains(text, "is not supported in the collection_format") ||
		strings.HasPrefix(text, "unknown time zone ") || text == "obj is not ProtoMessage"
}

// is reports whether err or an error that it wraps is an E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
