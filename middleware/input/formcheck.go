package input

// formCheck finds what url.ParseQuery refuses in a form while it is read: broken escapes, semicolons, and too many
// fields.
type formCheck struct {
	digits int // how many hexadecimal digits still have to follow the last %
	fields int
	broken bool
}

const maxFields = 10000 // url.ParseQuery takes no more

func (f *formCheck) write(p []byte) {
	for _, b := range p {
		switch {
		case f.digits > 0 && !isHex(b), b == ';':
			f.broken = true
		case f.digits > 0:
			f.digits--
		case b == '%':
			f.digits = 2
		case b == '&':
			f.fields++
		}
	}
}

func (f *formCheck) malformed() bool { return f.broken || f.digits > 0 || f.fields >= maxFields }

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}
