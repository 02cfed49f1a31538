package middleware

// sharedValue returns the value of a header that is the same in every response. Middleware makes it once, at the
// start, and assigns it to the header's map: header.Set would allocate a slice for each response. That is safe
// because net/http only reads the slice, header.Set replaces it, and header.Add copies it, as it has no spare
// capacity. Code must not assign to its elements.
func sharedValue(value string) []string { return []string{value} }
