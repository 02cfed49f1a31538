package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

// dotenv is what was found in the .env file.
type dotenv struct {
	file   string
	names  []string // variables in it
	broken *fault   // why it could not be read

	real map[string]bool // variables of the real environment, which win over the file
}

// loadDotenv puts the file's variables into the process's environment, where the real ones win. A missing file is
// fine; a malformed one is a fault, and then none of it is used.
func loadDotenv(file string) dotenv {
	d := dotenv{file: file, real: map[string]bool{}}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		d.real[name] = true
	}
	var values map[string]string
	values, d.broken = readDotenv(file)
	for name, value := range values {
		d.names = append(d.names, name)
		if !d.real[name] {
			os.Setenv(name, value)
		}
	}
	slices.Sort(d.names)
	return d
}

// edited is a variable as the file has it now. ok is false where the file does not decide: the real environment has the
// variable, or the file cannot be understood just now.
func (d dotenv) edited(name string) (value string, ok bool) {
	if d.file == "" || d.real[name] {
		return "", false
	}
	values, broken := readDotenv(d.file)
	return values[name], broken == nil
}

func readDotenv(file string) (values map[string]string, broken *fault) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fault{Setting: file, Problem: "cannot be read: " + err.Error(), Fix: "make it readable for this user, or remove it"}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // which some editors put before the first line
	if line, begins := brokenLine(string(data)); line > 0 {
		return nil, &fault{Setting: file, Problem: fmt.Sprintf("line %d%s is not NAME=value, or opens a quote that is never closed", line, begins),
			Fix: "write NAME=value, with quotes around a value that holds spaces or #"}
	}
	values, err = godotenv.UnmarshalBytes(data)
	if err != nil { // whose message quotes the rest of the file, secrets and all
		return nil, &fault{Setting: file, Problem: "cannot be understood", Fix: "write one NAME=value a line, with quotes around a value that holds spaces or #"}
	}
	return values, nil
}

var assignment = regexp.MustCompile(`^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*[=:]\s*(.*)$`)

// brokenLine finds the first line that assigns nothing, which godotenv takes for a part of the next; 0 if there is
// none. The name that it begins with is told where one stands before a =; anything else may be a secret.
func brokenLine(data string) (number int, begins string) {
	quote, opened := byte(0), 0
	lines := strings.Split(data, "\n")
	for i, line := range lines {
		rest := strings.TrimSpace(line)
		if quote == 0 {
			if rest == "" || rest[0] == '#' {
				continue
			}
			m := assignment.FindStringSubmatch(line)
			if m == nil {
				return i + 1, firstWord(line)
			}
			if rest = m[1]; rest == "" || rest[0] != '"' && rest[0] != '\'' {
				continue
			}
			quote, opened, rest = rest[0], i, rest[1:]
		}
		if closes(rest, quote) {
			quote = 0
		}
	}
	if quote != 0 {
		return opened + 1, firstWord(lines[opened])
	}
	return 0, ""
}

func closes(s string, quote byte) bool {
	for i := range len(s) {
		if s[i] == quote && (i == 0 || s[i-1] != '\\') {
			return true
		}
	}
	return false
}

func firstWord(line string) string {
	name, _, ok := strings.Cut(strings.TrimSpace(line), "=")
	if name = strings.TrimSpace(name); !ok || !plainName.MatchString(name) {
		return ""
	}
	return " (" + name + ")"
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]{0,63}$`)

// faults reports the file itself, and every variable in it that is nearly one of ours: a misspelt setting would
// otherwise be a setting that silently does nothing. Variables of the site's own are let be.
func (d dotenv) faults(known []string) []fault {
	if d.broken != nil {
		return []fault{*d.broken}
	}
	var out []fault
	for _, name := range d.names {
		if slices.Contains(known, name) {
			continue
		}
		if near := nearest(name, known); near != "" {
			out = append(out, fault{Setting: name, Problem: "in " + d.file + " is not a setting; is " + near + " meant?",
				Fix: "write " + near + ", or give a variable of your own a name that is not so close"})
		} else if strings.HasPrefix(name, "TLS_") || strings.HasPrefix(name, "ACME_") {
			out = append(out, fault{Setting: name, Problem: "in " + d.file + " is not a setting", Fix: "see .env.example for those that begin with TLS_ and ACME_, and name your own otherwise"})
		}
	}
	return out
}

// nearest is the known name within one slip of the pen: a letter wrong, missing, too many, or two swapped.
func nearest(name string, known []string) string {
	for _, k := range known {
		if name != k && oneSlip(strings.ToUpper(name), k) {
			return k
		}
	}
	return ""
}

func oneSlip(a, b string) bool {
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
