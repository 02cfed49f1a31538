package main

import (
	"bytes"
	_ "embed"
	"path"
	"regexp"
	"strings"

	"example.com/turnkey/scripts/internal/project"
)

var (
	//go:embed own/README.md
	ownREADME string
	//go:embed own/ci.yml
	ownCI string
	// readmeHash is git's hash of the template's README. Any other README is the owner's.
	//go:embed own/readme.hash
	readmeHash string

	// updates of modules and packages under .ci, an entry of dependabot.yml each.
	ciUpdates = regexp.MustCompile(`(?m)^  - package-ecosystem:.*\n    directory: /\.ci/.*\n(?:    .*\n)*`)
	authors   = regexp.MustCompile(`(?m)^Copyright \(c\) .* The Turnkey authors\r?$`)
)

const addYours = "\nCopyright (c) <year> <your name>, for what was added since"

// own returns the change that puts the project's name into a file of the template, or none. Closed files have the name
// in imports only.
func own(file string, text []byte, to string) (c change, note string) {
	c.file = file
	name := path.Base(to)
	switch {
	case file == "README.md" && project.BlobID(text) == strings.TrimSpace(readmeHash):
		c.text, c.what = readme(to), "a short one of your own, in place of the template's"
	case file == "README.md":
		note = "README.md is yours (not the template's as it came) and stays; remove it first, and you get a short one"
	case file == "LICENSE" && authors.Match(text) && !bytes.Contains(text, []byte(addYours)):
		c.text, c.what = authors.ReplaceAll(text, []byte("$0"+addYours)), "gets a line for your own copyright"
	case file == ".github/dependabot.yml":
		c.text, c.what = ciUpdates.ReplaceAll(text, nil), "loses its entries for .ci"
	case path.Dir(file) == "web/templates" && strings.HasSuffix(file, ".html"):
		c.text, c.what = named(text, "Turnkey", title(to)), "Turnkey becomes "+title(to)
	case file == "Dockerfile" || path.Dir(file) == "scripts/deploy":
		c.text, c.what = named(text, "turnkey", name), "turnkey becomes "+name
		if as := path.Join(path.Dir(file), string(named([]byte(path.Base(file)), "turnkey", name))); as != file {
			c.as, c.what = as, "becomes "+as
		}
	}
	return c, note
}

// named replaces a name. The new name may contain the old one, as turnkey-shop does. A text that already has the new
// name was changed by an interrupted run.
func named(text []byte, old, new string) []byte {
	if strings.Contains(new, old) && bytes.Contains(text, []byte(new)) {
		return text
	}
	return bytes.ReplaceAll(text, []byte(old), []byte(new))
}

func readme(to string) []byte {
	return []byte(strings.NewReplacer("TITLE", title(to), "NAME", path.Base(to), "TEMPLATE",
		project.Template).Replace(ownREADME))
}
