package kit

import "example.com/turnkey/middleware/input"

// FieldError says what is wrong with one field of an input.
type FieldError = input.FieldError

// FieldErrors returns what Bind found wrong with each field, 100 of them at most, or nil for an error that is about no
// field.
func FieldErrors(err error) []FieldError { return input.FieldErrors(err) }

// Invalid returns an error about a field that your handler checked itself: Invalid("email", "has an account already").
// It is answered 422, and FieldErrors and {{invalid .Err "email"}} know it.
func Invalid(field, detail string) error { return input.Invalid(field, detail) }
