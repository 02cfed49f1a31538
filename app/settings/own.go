package settings

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/turnkey/tlsconfig/osfile"
	"example.com/turnkey/tlsconfig/setting"
)

// Own is a setting that the site declares. Its fields are some of kit.Setting, which explains them.
type Own struct {
	Name, About, Default string
	Required, Secret     bool
	Check                func(value string) error
}

// Shown returns a setting's value for the operator. For a secret it returns only whether it is set.
func (s Settings) Shown(o Own) string {
	v := s.values[o.Name]
	switch {
	case v == "":
		return "not set"
	case o.Secret:
		return "set"
	}
	return strings.ReplaceAll(setting.Redacted(v), "\n", `\n`)
}

// Setting implements kit.Program.
func (s Settings) Setting(name string) string {
	v, ok := s.values[name]
	if !ok {
		panic(fmt.Sprintf("the setting %q is not declared: add {Name: %[1]q} to Settings in handlers/site.go", name))
	}
	return v
}

// Production implements kit.Program.
func (s Settings) Production() bool { return s.Prod }

// DataDir implements kit.Program.
func (s Settings) DataDir() (string, error) {
	dir := s.DataFolder
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("DATA_DIR=%s: %w; set DATA_DIR to a folder that this user may make and write", dir,
			osfile.Cause(err))
	}
	if mode, ok := osfile.Mode(dir); ok && mode&0o022 != 0 {
		return "", fmt.Errorf("DATA_DIR=%s: other users may write to this folder (%#o) and replace what is in it; "+
			"run: chmod 700 %[1]s; or set DATA_DIR to a folder below it that is not there yet", dir, mode)
	}
	return dir, nil
}

var variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// readOwn reads the settings that the site declares, after all others. A wrong declaration is a fault too.
func (s *Settings) readOwn(r *reader, own []Own) {
	s.values = map[string]string{}
	for _, name := range r.names {
		s.values[name], _ = r.raw(name)
	}
	for _, o := range own {
		if problem, fix := o.misdeclared(r.names, s.Own); problem != "" {
			r.fault("Settings", o.Name, problem, fix)
			continue
		}
		s.Own = append(s.Own, o)
		s.values[o.Name] = r.own(o)
	}
}

// misdeclared returns what is wrong with the declaration. taken are all names so far, before the site's own
// settings so far.
func (o Own) misdeclared(taken []string, before []Own) (problem, fix string) {
	switch {
	case !variableName.MatchString(o.Name):
		return "is not the name of a variable", "write capital letters, digits and _, such as STRIPE_KEY, in handlers/site.go"
	case slices.ContainsFunc(before, func(b Own) bool { return b.Name == o.Name }):
		return "is declared twice", "remove one of the two from Settings in handlers/site.go"
	case slices.Contains(taken, o.Name):
		return "is a setting of the program itself",
			"give your own another name in handlers/site.go; Setting(" + strconv.Quote(o.Name) + ") returns the program's"
	case o.Required && o.Default != "":
		return "is required and has a default", "leave one of the two out, in handlers/site.go"
	}
	return "", ""
}

// own returns the value of a setting that the site declares, or "" for one that is refused or missing.
func (r *reader) own(o Own) string {
	v, _ := r.guarded(o.Name, o.Secret, textProblem)
	if slices.Contains(r.refused, o.Name) {
		return ""
	}
	if v == "" {
		v = o.Default
	}
	about := strings.TrimSuffix(": "+o.About, ": ")
	if v == "" {
		if o.Required {
			r.fault(o.Name, "", "required, and not set", "set "+o.Name+about)
		}
		return ""
	}
	if o.Check == nil {
		return v
	}
	if err := o.check(v); err != nil {
		problem := "is not accepted: " + err.Error()
		if o.Secret && (strings.Contains(problem, v) || strings.Contains(problem, strings.Trim(strconv.Quote(v), `"`))) {
			problem = "is not accepted"
		}
		r.fault(o.Name, pick(o.Secret, "", v), problem, "correct "+o.Name+about)
		return ""
	}
	return v
}

// check calls Check, which may panic for a value that its author did not think of.
func (o Own) check(v string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its Check in handlers/site.go panics: %v", p)
		}
	}()
	return o.Check(v)
}

var (
	ownComment    = regexp.MustCompile(`(^|\s)#(\s|$)`)
	ownUnexpanded = regexp.MustCompile(`^(~/|\$\{[A-Za-z_]|\$\(|\$[A-Za-z_]\w*(/|$))`)
)

// textProblem is valueProblem for a setting of the site's own, which may be any text: #general, a list with quotes in
// it, JSON, $argon2id$v=19$…, or a key of several lines. No program that keeps quotes and comments can pass on several
// lines, so these are taken as they are.
func textProblem(name, value string, secret bool) (problem, fix string) {
	visible := strings.NewReplacer("\n", " ", "\t", " ").Replace(value)
	if i := strings.IndexFunc(visible, isInvisible); i >= 0 {
		return invisible(visible[i:])
	}
	if strings.Contains(value, "\n") {
		return "", ""
	}
	if i := ownComment.FindStringIndex(value); i != nil {
		return commentKept, bare(name, value[:i[0]], secret)
	}
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	if ends := string([]rune{first, last}); strings.Trim(ends, quotes) == "" && value != "" &&
		!strings.ContainsAny(unquoted(value), ends) {
		return quotesKept, bare(name, value, secret)
	}
	if ownUnexpanded.MatchString(value) {
		return notExpanded, writeInFull
	}
	return "", ""
}
