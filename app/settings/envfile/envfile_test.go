package envfile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/joho/godotenv"
)

func TestValuesAreKeptAsWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// godotenv and Node's dotenv read these alike.
		`KEY=plain`:                         "plain",
		`KEY=`:                              "",
		`KEY=""`:                            "",
		`KEY=  two words  `:                 "two words",
		`KEY="  in quotes  "`:               "  in quotes  ",
		`KEY='single $x ${X} \n'`:           `single $x ${X} \n`,
		`KEY=a #b`:                          "a",
		`KEY="a#b"`:                         "a#b",
		`KEY="a" # "b"`:                     "a",
		`KEY="two\nlines"`:                  "two\nlines",
		"KEY=\"-----BEGIN\nMII+/=\n-----\"": "-----BEGIN\nMII+/=\n-----",
		`export KEY=x`:                      "x",
		`KEY: value`:                        "value",
		"\ufeffKEY=x":                       "x",
		"# KEY=y\r\n\r\nKEY=x\r\n":          "x",
		"KEY=1\nKEY=2":                      "2",
		`KEY=it's`:                          `it's`,
		`KEY=a"b"`:                          `a"b"`,
		`KEY={"a":"b\\c"}`:                  `{"a":"b\\c"}`,
		`KEY=a=b==`:                         "a=b==",
		"KEY=`open":                         "`open",
		// godotenv would expand, strip or cut these.
		`KEY=$2y$10$abcdefgHIJ`: `$2y$10$abcdefgHIJ`,
		`KEY="Pa$WORD"`:         `Pa$WORD`,
		`KEY=kAjMfB<Qdq$7KJ!x`:  `kAjMfB<Qdq$7KJ!x`,
		`KEY=$`:                 `$`,
		`KEY="$$A$$"`:           `$$A$$`,
		`KEY=a$(b`:              `a$(b`,
		`KEY="C:\temp\dir"`:     `C:\temp\dir`,
		`KEY="^\d+$"`:           `^\d+$`,
		`KEY='C:\dir\'`:         `C:\dir\`,
		`KEY=$(id -u)`:          `$(id -u)`, // godotenv keeps this too, as the command is in small letters
		`KEY= # nothing`:        "",
		`KEY=x # one # two`:     "x",
		"KEY=`it's \"both\"`":   `it's "both"`,
		`MY-KEY=x`:              "x",
		`my.key=x`:              "x",
		"KEY=\"a\rb\"":          "a\nb",
	} {
		values, faults := Parse([]byte(text))
		if len(faults) > 0 || len(values) != 1 {
			t.Errorf("%q: got %q and the faults %v", text, values, faults)
			continue
		}
		for name, got := range values {
			if got != want || !strings.Contains(text, name) {
				t.Errorf("%q: got %s=%q, want %q", text, name, got, want)
			}
		}
	}
}

func TestAmbiguousLineIsAFaultWithLineAndName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`KEY="hush\""`:                   `line 2 (KEY) has a backslash`,
		`KEY="hush\\n"`:                  `line 2 (KEY) has a backslash`,
		`KEY="hush\$A"`:                  `line 2 (KEY) has a backslash`,
		`KEY=hush\$A`:                    `line 2 (KEY) has a backslash`,
		`KEY="hush"y`:                    `line 2 (KEY) has text after the closing quote`,
		`KEY='hush'y'`:                   `line 2 (KEY) has text after the closing quote`,
		`KEY="hush","hush"`:              `line 2 (KEY) has text after the closing quote`,
		`KEY="hush`:                      `line 2 (KEY) opens a quote that is never closed`,
		`KEY='hush`:                      `line 2 (KEY) opens a quote that is never closed`,
		`KEY=hush#1`:                     `line 2 (KEY) has a # directly after the value`,
		`KEY=#hush`:                      `line 2 (KEY) has a # directly after the value`,
		`KEY=hush#1 # 2`:                 `line 2 (KEY) has a # directly after the value`,
		`KEY=hush${A}`:                   `line 2 (KEY) refers to another variable`,
		`KEY="${A:-hush}"`:               `line 2 (KEY) refers to another variable`,
		`KEY=$(HUSH)`:                    `line 2 (KEY) refers to another variable or a command`,
		`KEY="hush$A"`:                   `line 2 (KEY) holds $A, the name of another variable`,
		"KEY=1\nexport\nB=hush":          `line 3 is not NAME=value`,
		`this is hush`:                   `line 2 is not NAME=value`,
		`=hush`:                          `line 2 is not NAME=value`,
		`KEY:hush`:                       `line 2 (KEY) is not NAME=value`,
		"KEY\n=hush":                     `line 2 is not NAME=value`,
		"KEY=\n'hush'":                   `line 3 is not NAME=value`,
		"KEY=-----BEGIN\nhush\nhush2=\n": `line 3 is not NAME=value`,
		"KEY=x\x00hush":                  `line 2 holds an invisible character (U+0000)`,
		"KEY=hush\u2028x":                `line 2 holds an invisible character (U+2028)`,
		"KEY=hush\xe4":                   `line 2 is not UTF-8`,
		`ÜKEY=hush`:                      `line 2 is not NAME=value`,
		`KEY NAME=hush`:                  `line 2 is not NAME=value`,
		"\"KEY\"=hush":                   `line 2 is not NAME=value`,
	} {
		values, faults := Parse([]byte("A=1\n" + text + "\n"))
		read := fmt.Sprint(values) // A, to find what is wrong with it too
		if strings.Contains(read, "KEY") || strings.Contains(read, "hush") || len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), want) {
			t.Errorf("%q: got %q and %v, want the one fault %q", text, values, faults, want)
			continue
		}
		if said := fmt.Sprintf("%+v", faults[0]); strings.Contains(said, "hush") || faults[0].Fix == "" {
			t.Errorf("%q: a value is told, or no fix: %s", text, said)
		}
	}
}

func TestAllFaultsOfAFileAreReported(t *testing.T) {
	t.Parallel()
	values, faults := Parse([]byte("A=a#b\nB=1\nC=\"x\"y\nno setting\nD=a#b\n"))
	if !maps.Equal(values, map[string]string{"B": "1"}) || len(faults) != 3 || faults[0].Name != "A" || faults[1].Name != "C" || faults[2].Line != 4 {
		t.Errorf("got %v and %v, want A, C and line 4", values, faults)
	}
}

func TestUTF16IsAFault(t *testing.T) {
	t.Parallel()
	if _, faults := Parse([]byte("\xff\xfeA\x00=\x001\x00")); len(faults) != 1 || faults[0].Error() != "is UTF-16" {
		t.Errorf("got %v", faults)
	}
}

func TestAMissingFileIsFineAndAFolderIsNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if values, faults := Read(filepath.Join(dir, ".env")); values != nil || faults != nil {
		t.Errorf("a missing file: got %v and %v", values, faults)
	}
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, faults := Read(filepath.Join(dir, ".env")); len(faults) != 1 ||
		!strings.HasPrefix(faults[0].Error(), "cannot be read") {
		t.Errorf("a folder: got %v", faults)
	}
}

// FuzzDotenv checks two properties. A file without faults is read exactly as Node's dotenv reads it. A file that Node's
// dotenv and godotenv read alike has no faults, unless it sets a name twice: the last line hides what the others are.
func FuzzDotenv(f *testing.F) {
	for _, seed := range []string{"A=1\nB=2", "A=\"x\ny\"\nB=1", "A='", "export A=b # c", "=x", "A", "A=\\\"", "\x00=\x00",
		"A=$B\nB=${A}",
		"A=`x`", "A: b", "A:\nB=1", "A=\n'x'", "export\nA=1", "A='x\\'\nB='y'", "A=\"\"x\"\"", "A=a#b # c", "B:0\nB=", "A=1\n\u0085"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, faults := Parse([]byte(text))
		if len(faults) == 0 {
			if node := nodeParse(text); !maps.Equal(values, node) {
				t.Errorf("%q: got %q, want %q", text, values, node)
			}
		}
		for _, f := range faults {
			if f.Line < 0 || f.Line > strings.Count(strings.ReplaceAll(text, "\r", "\n"), "\n")+1 || f.Problem == "" ||
				f.Fix == "" {
				t.Errorf("%q: got the fault %+v", text, f)
			}
		}
		if len(faults) == 0 || hidden(faults) || setsTwice(text) ||
			strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") { // godotenv does not end a comment at a lone CR
			return
		}
		if alike, err := godotenv.Unmarshal(text); err == nil && maps.Equal(alike, nodeParse(text)) {
			t.Errorf("%q: both read %q, and here it is a fault: %v", text, alike, faults)
		}
	})
}

// Helpers

// hidden reports whether a fault is about the whole text: its encoding, or a character that no variable can hold.
func hidden(faults []Fault) bool {
	return len(faults) == 1 && faults[0].Name == "" && !strings.Contains(faults[0].Problem, "NAME=value")
}

// setsTwice reports whether one name stands before two of the signs that set a name.
func setsTwice(text string) bool {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`([\w.-]+)[`+nodeSpaces+`]*[=:]`).FindAllStringSubmatch(text, -1) {
		if seen[m[1]] {
			return true
		}
		seen[m[1]] = true
	}
	return false
}

// nodeParse follows parse in lib/main.js of Node's dotenv step by step. Node reads a file as UTF-8.
func nodeParse(text string) map[string]string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\ufffd"))
	values := map[string]string{}
	for _, m := range nodeLine.FindAllStringSubmatch(text, -1) {
		value := strings.Trim(m[2], nodeSpaces)
		quote := ""
		if value != "" {
			quote = value[:1]
		}
		if n := len(value); n > 1 && strings.Contains("'\"`", quote) && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		if quote == `"` {
			value = strings.ReplaceAll(value, `\n`, "\n")
			value = strings.ReplaceAll(value, `\r`, "\r")
		}
		values[m[1]] = value
	}
	return values
}

const nodeSpaces = "\t\n\v\f \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

var nodeLine = regexp.MustCompile(strings.ReplaceAll(
	`(?m)(?:^|^)\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`+"`(?:\\\\`|[^`])*`"+`|[^#\r\n]+)?\s*(?:#.*)?(?:$|$)`,
	`\s`, "["+nodeSpaces+"]"))
