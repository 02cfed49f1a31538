package kit

import "example.com/turnkey/middleware/input"

// FieldError says what is wrong with one field of an input.
type FieldError = input.FieldError

// FieldErrors returns what Bind found wrong with each field, or nil for an error that is about no field.
func FieldErrors(err error) []FieldError { return input.FieldErrors(err) }
