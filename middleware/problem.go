package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/input"
)

// Problem is the part of an error that a visitor may see. It is sent as application/problem+json (RFC 9457) or shown by
// the template "error".
type Problem struct {
	Title     string             `json:"title"`
	Status    int                `json:"status"`
	Detail    string             `json:"detail,omitempty"`
	RequestID string             `json:"request_id,omitempty"`
	Errors    []input.FieldError `json:"errors,omitempty"` // what is wrong with the input, field by field
	Debug     *debug             `json:"debug,omitempty"`  // in development, for JSON on this machine. Else nil
}

func (f failure) problem(c *gin.Context) Problem {
	p := Problem{
		Title: http.StatusText(f.status), Status: f.status, Detail: f.detail,
		RequestID: RequestIDFrom(c.Request.Context()),
	}
	if f.status < 500 {
		p.Errors = input.Fields(c, f.err.Err)
	}
	return p
}
