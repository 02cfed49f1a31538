package input

// invalid is what a handler itself found wrong with fields of the input.
type invalid []FieldError

func (e invalid) Error() string { return e[0].Pointer + " " + e[0].Detail }

// Invalid returns an error about a field that a handler checked itself. It is answered 422, like those of binding tags.
// The field is named as in the form or as in JSON, with / between its parts: "guests/0/email". The detail continues a
// sentence that begins with the field's name: "has an account already".
func Invalid(field, detail string) error { return invalid{{Pointer: "#/" + field, Detail: detail}} }
