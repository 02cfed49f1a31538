package middleware

import "example.com/turnkey/middleware/input"

// Problem is what a visitor learns of an error, as application/problem+json (RFC 9457) or in the page "error".
type Problem struct {
	Title     string             `json:"title"`
	Status    int                `json:"status"`
	Detail    string             `json:"detail,omitempty"`
	RequestID string             `json:"request_id,omitempty"`
	Errors    []input.FieldError `json:"errors,omitempty"` // what is wrong with the input, field by field
	Debug     *debug             `json:"debug,omitempty"`  // in development, for browsers on this machine. Else nil
}
