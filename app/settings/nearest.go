package settings

import "strings"

// nearest returns the known name that differs from name by one typing error, or "" if there is none.
func nearest(name string, known []string) string {
	for _, k := range known {
		if name != k && isOneTypo(strings.ToUpper(name), k) {
			return k
		}
	}
	return ""
}

// isOneTypo reports whether a and b differ by one typing error: a letter wrong, missing or added, or two swapped.
func isOneTypo(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) > len(b) {
		return a[i+1:] == b[i:]
	}
	if i == len(a) || a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
