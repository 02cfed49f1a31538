package main

import (
	"path"
	"regexp"
	"strings"
)

// keptFiles are the files and folders in which the template's name stays. Import paths change there too: nothing else
// could compile.
var keptFiles = []struct{ path, why string }{
	{"LICENSE", "the authors' line goes with every copy, as the MIT licence asks; add your own"},
	{"middleware/", closed},
	{"tlsconfig/", closed},
	{"scripts/internal/truststore/", sharedCA},
	{"scripts/rename/", "knows where the project comes from, for upgrades"},
	{".ci/e2e/rename/", "tests the rename itself, and skips in a project that has its own name"},
}

// keptPhrases are what stays in every other file. Patterns have no capturing groups.
var keptPhrases = []struct{ pattern, why string }{
	{`\.local/share\}?/turnkey`, sharedCA},
	{`"\.local", "share", "turnkey`, sharedCA},
	{`Library/Application Support/turnkey`, sharedCA},
	{`LOCALAPPDATA[%)}]?[/\\]turnkey`, sharedCA},
	{`AppData\\Local\\turnkey`, sharedCA},
	{`Turnkey dev root`, sharedCA},
	{`turnkey-dev-root`, sharedCA},
	{`Turnkey development CA`, sharedCA},
	{`turnkey\.p12`, sharedCA},
	{`[/@]` + regexp.QuoteMeta(template), upstream},
	{regexp.QuoteMeta(strings.Replace(template, "/", ":", 1)), upstream},
	{`gonew(?:@\S+)? ` + regexp.QuoteMeta(template), upstream},
}

const (
	closed   = "closed rooms, as upgrades bring them; the local CA is shared by all projects, and Redis keys outlive a rename"
	sharedCA = "the local CA's folder and names are shared by all projects on a machine, so that one trust serves them all"
	upstream = "where the template is, for upgrades"
)

// templateRooms are the files whose words an upgrade may bring. What is elsewhere the owner wrote.
var templateRooms = []string{"app/", "scripts/", ".ci/", ".github/", "Makefile"}

// reason is why the template's name stays in a file, nothing if it does not.
func reason(file string) string {
	for _, k := range keptFiles {
		if under(file, k.path) {
			return k.why
		}
	}
	switch path.Base(file) {
	case "go.mod", "go.sum", "go.work", "go.work.sum":
		return "names of other modules"
	}
	return ""
}

// under says whether file is room, or in it if room ends with a slash.
func under(file, room string) bool {
	return file == room || strings.HasSuffix(room, "/") && strings.HasPrefix(file, room)
}
