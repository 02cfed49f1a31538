package middleware

import "example.com/turnkey/middleware/input"

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
