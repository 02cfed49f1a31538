// Package envfile reads .env files for the site and for its scripts, so that both read the same. It sets no variable
// and knows no setting. Of this project it imports only tlsconfig/osfile.
//
// Values are read by the rules of Node's dotenv, and each is compared with what godotenv reads. godotenv expands $,
// drops backslashes and cuts values off in places where Node's dotenv keeps what was written. That would change a
// password silently. If the two read a value differently and it can have one meaning only, it is kept as Node's dotenv
// reads it. If it can have two, it is a Fault. A file without faults is read exactly as Node's dotenv reads it.
package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"

	"example.com/turnkey/tlsconfig/osfile"
)

// Fault is one reason why a file is not used. It never holds a part of a value.
type Fault struct {
	Line    int    // from 1; 0 for the whole file
	Name    string // of the variable; empty if it is not known
	Problem string
	Fix     string
}

// Error returns line, name and problem in one line, without the fix.
func (f Fault) Error() string {
	switch {
	case f.Line == 0:
		return f.Problem
	case f.Name == "":
		return fmt.Sprintf("line %d %s", f.Line, f.Problem)
	}
	return fmt.Sprintf("line %d (%s) %s", f.Line, f.Name, f.Problem)
}

// Read returns the variables of a file and all of its faults. If there are faults, do not use the file: the
// variables outside of faulty lines are only for finding further faults. For a missing file it returns neither.
func Read(file string) (map[string]string, []Fault) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []Fault{{Problem: "cannot be read: " + osfile.Cause(err).Error(),
			Fix: "make it readable for this user, or remove it"}}
	}
	return Parse(data)
}

// Parse does what Read does, for the content of a file.
func Parse(data []byte) (map[string]string, []Fault) {
	text, fault := decode(data)
	if fault != nil {
		return nil, []Fault{*fault}
	}
	found, broken := scan(text)
	last := map[string]int{} // the index in found of the last assignment to each name, which is the one that counts
	for i, a := range found {
		last[a.name] = i
	}
	var faults []Fault
	values := map[string]string{}
	for i, a := range found {
		if i != last[a.name] {
			continue
		}
		values[a.name] = a.value
		if a.sameForGodotenv() {
			continue
		}
		if problem, fix := a.unclear(last); problem != "" {
			faults = append(faults, Fault{Line: a.line, Name: a.name, Problem: problem, Fix: fix})
			delete(values, a.name)
		}
	}
	if broken != nil {
		if len(found) > 0 { // the line may be a part of the value before it
			delete(values, found[len(found)-1].name)
		}
		faults = append(faults, *broken)
	}
	return values, faults
}

// sameForGodotenv reports whether godotenv reads the statement as Node's dotenv does.
func (a assignment) sameForGodotenv() bool {
	read, err := godotenv.Unmarshal(a.text)
	v, ok := read[a.name]
	return err == nil && ok && len(read) == 1 && v == a.value
}

// decode returns the text of a file, with \n at the ends of lines and without a byte order mark, which some editors
// write. UTF-16 is a fault: Windows PowerShell 5 writes it for >.
func decode(data []byte) (string, *Fault) {
	const save = "save the file as UTF-8"
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return "", &Fault{Problem: "is UTF-16", Fix: save}
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	if !utf8.ValidString(text) {
		line := 1
		for l := range strings.SplitSeq(text, "\n") {
			if !utf8.ValidString(l) {
				break
			}
			line++
		}
		return "", &Fault{Line: line, Problem: "is not UTF-8", Fix: save}
	}
	// No environment variable can hold NUL. The other two end a line in JavaScript and in no editor.
	if i := strings.IndexAny(text, "\x00\u2028\u2029"); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return "", &Fault{Line: lineAt(text, i),
			Problem: fmt.Sprintf("holds an invisible character (%U)", r), Fix: "type the line again"}
	}
	return text, nil
}

func lineAt(text string, offset int) int { return 1 + strings.Count(text[:offset], "\n") }
