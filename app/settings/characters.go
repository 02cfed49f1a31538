package settings

import (
	"fmt"
	"strings"
	"unicode"
)

// isInvisible reports whether r is a control or format character, such as a zero-width space, a soft hyphen or a mark
// of the writing direction. The two zero-width joiners are not counted: real names have them (RFC 5892, appendix A).
func isInvisible(r rune) bool {
	isJoiner := r == 0x200c || r == 0x200d
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && !isJoiner || r == unicode.ReplacementChar
}

// forbidden returns the first character of host that no host name has, or 0: a quote, white space, or a dash or dot of
// copied text that is not - or . itself. golang.org/x/net/idna accepts them, as browsers do, and turns them into a name
// that does not exist. Letters of every script and emoji are allowed.
func forbidden(host string) rune {
	for _, r := range host {
		switch {
		case strings.ContainsRune("-._*·\u0375\u05f3\u05f4\u0f0b\u30fb", r): // RFC 5892, §2.6 and appendix A
		case isInvisible(r), unicode.IsSpace(r), unicode.IsPunct(r),
			unicode.In(r, unicode.Z, unicode.Sk, unicode.Sm, unicode.Sc):
			return r
		}
	}
	return 0
}

// describeRune returns the code point of r, after the character itself if it is visible.
func describeRune(r rune) string {
	if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
		return fmt.Sprintf("%q (%U)", r, r)
	}
	return fmt.Sprintf("%U", r)
}
