package middleware

// Problem is what a visitor learns of an error, as application/problem+json (RFC 9457) or in the page "error".
type Problem struct {
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	RequestID string       `json:"request_id,omitempty"`
	Errors    []FieldError `json:"errors,omitempty"` // what is wrong with the input, field by field
	Debug     *Debug       `json:"debug,omitempty"`  // in development, for this machine's own browsers; else nil
}

// FieldError says what is wrong with one field of a request's body, as in the example of RFC 9457 §3.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON pointer, as a fragment (RFC 6901 §6): "#/guests/0/email"; a form's fields are "#/email"
	Detail  string `json:"detail"`  // reads on from the field's name: "is required"
}

// Debug is where a developer has to look.
type Debug struct {
	Error string `json:"error"`           // in full, with what visitors never see
	What  string `json:"what,omitempty"`  // how File and Line are known: "The panic is here"
	File  string `json:"file,omitempty"`  // as the editor's project knows it: handlers/home.go
	Line  int    `json:"line,omitempty"`  // in File; 0: not known
	Lines []Line `json:"-"`               // of File, around Line
	Stack string `json:"stack,omitempty"` // of a panic
}

// Line is one of an excerpt.
type Line struct {
	Number int
	Text   string
	Here   bool // it is the one
}
