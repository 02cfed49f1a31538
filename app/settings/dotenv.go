package settings

import (
	"os"
	"slices"
	"strings"

	"example.com/turnkey/app/settings/envfile"
)

// Dotenv is what was found in the .env file.
type Dotenv struct {
	file   string
	names  []string // variables in it
	broken []Fault  // why it is not used

	real map[string]bool // variables of the real environment, which win over the file
}

// LoadDotenv puts the file's variables into the process's environment, where the real ones win. A missing file is
// fine; a malformed one is a fault, and then none of it is used.
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
		if !d.real[name] {
			os.Setenv(name, value)
		}
	}
	slices.Sort(d.names)
	return d
}

// Names returns a function for the names of a development site, which follow DOMAINS in the file while the server runs. Words
// that are no host names leave those of the start in force.
func (d Dotenv) Names(s Settings) func() []string {
	return func() []string {
		now := s
		if v, ok := d.edited("DOMAINS"); ok {
			r := reader{lookup: func(string) (string, bool) { return v, true }}
			if domains := r.domains("DOMAINS"); len(r.faults) == 0 {
				now.Domains = domains
			}
		}
		return now.Names()
	}
}

// edited is a variable as the file has it now. ok is false where the file does not decide: the real environment has the
// variable, or the file cannot be understood just now.
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

// faults reports the file itself, and every variable in it that is nearly one of ours: a misspelt setting would
// otherwise be a setting that silently does nothing. Variables of the site's own are let be.
func (d Dotenv) faults(known []string) []Fault {
	if len(d.broken) > 0 {
		return d.broken
	}
	var out []Fault
	for _, name := range d.names {
		if slices.Contains(known, name) {
			continue
		}
		if near := nearest(name, known); near != "" {
			out = append(out, Fault{Setting: name, Problem: "in " + d.file + " is not a setting; is " + near + " meant?",
				Fix: "write " + near + ", or give a variable of your own a name that is not so close"})
		} else if strings.HasPrefix(name, "TLS_") || strings.HasPrefix(name, "ACME_") {
			out = append(out, Fault{Setting: name, Problem: "in " + d.file + " is not a setting", Fix: "see .env.example for those that begin with TLS_ and ACME_, and name your own otherwise"})
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
