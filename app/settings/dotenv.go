package settings

import (
	"os"
	"slices"
	"strings"

	"example.com/turnkey/app/internal/spelling"
	"example.com/turnkey/app/settings/envfile"
	"example.com/turnkey/tlsconfig/localca"
)

// Dotenv is what was found in the .env file.
type Dotenv struct {
	file   string
	names  []string          // variables in it
	broken []Fault           // its faults; if there is one, none of its variables is used
	clear  map[string]string // if there is one: the variables that can be read, to find what else is wrong

	real map[string]bool // variables of the real environment, which win over the file
}

// LoadDotenv sets the file's variables in this process's environment. A variable that is already set there keeps
// its value. A missing file is no fault. If the file is malformed, none is set, and Load returns its faults.
func LoadDotenv(file string) Dotenv {
	d := Dotenv{file: file, real: map[string]bool{}}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		d.real[name] = true
	}
	var values map[string]string
	values, d.broken = readDotenv(file)
	for name, value := range values {
		d.names = append(d.names, name)
		if !d.real[name] && len(d.broken) == 0 {
			os.Setenv(name, value)
		}
	}
	slices.Sort(d.names)
	if len(d.broken) > 0 {
		d.clear = values
	}
	return d
}

// over returns lookup with the readable variables of a malformed file, so that Load can report their faults too.
func (d Dotenv) over(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value, ok := d.clear[name]; ok && !d.real[name] {
			return value, true
		}
		return lookup(name)
	}
}

// sure returns the faults of r that are certain. If the file is malformed, an unreadable line may hold a variable
// that seems missing, so it drops the faults of missing variables.
func (d Dotenv) sure(r *reader) []Fault {
	if len(d.broken) == 0 {
		return r.faults
	}
	return slices.DeleteFunc(r.faults, func(f Fault) bool {
		return slices.ContainsFunc(r.names, func(name string) bool {
			needed := name == f.Setting && f.Value == "" || name != f.Setting && strings.Contains(f.Problem, name)
			return needed && r.unset(name)
		})
	})
}

// Names returns a function for the host names of a development site: its domains, and this machine's names and
// addresses, which change on a laptop. The function reads DOMAINS from the file each time, so that an edit takes
// effect while the server runs. If the file or its DOMAINS is invalid, the function uses the domains of s.
func (d Dotenv) Names(s Settings) func() []string {
	return func() []string {
		now := s.Domains
		if v, ok := d.edited("DOMAINS"); ok {
			r := reader{lookup: func(string) (string, bool) { return v, true }}
			if domains := r.domains("DOMAINS"); len(r.faults) == 0 {
				now = domains
			}
		}
		return localca.Names(s.Project, now)
	}
}

// edited returns a variable as the file has it now. ok is false if the real environment has the variable, or the
// file is malformed.
func (d Dotenv) edited(name string) (value string, ok bool) {
	if d.file == "" || d.real[name] {
		return "", false
	}
	values, broken := readDotenv(d.file)
	return values[name], len(broken) == 0
}

// readDotenv returns the variables of the file as Node's dotenv reads them, or every fault in it.
func readDotenv(file string) (values map[string]string, broken []Fault) {
	values, unread := envfile.Read(file)
	for _, f := range unread {
		broken = append(broken, Fault{Setting: file, Problem: f.Error(), Fix: f.Fix})
	}
	return values, broken
}

// faults returns the faults of the file, and one for each variable that looks like a misspelt setting, which would
// silently do nothing. All other variables are the owner's.
func (d Dotenv) faults(known []string) []Fault {
	out := slices.Clone(d.broken)
	for _, name := range d.names {
		if slices.Contains(known, name) {
			continue
		}
		if near := spelling.Nearest(name, known, 1); near != "" {
			out = append(out, Fault{Setting: name, Problem: "in " + d.file + " is not a setting; is " + near + " meant?",
				Fix: "write " + near + ". If the variable is your own, declare it in handlers/site.go or choose another name"})
		} else if strings.HasPrefix(name, "TLS_") || strings.HasPrefix(name, "ACME_") {
			out = append(out, Fault{Setting: name, Problem: "in " + d.file + " is not a setting",
				Fix: ".env.example lists the settings that begin with TLS_ and ACME_. " +
					"If the variable is your own, declare it in handlers/site.go or choose another name"})
		}
	}
	return out
}
