//go:build unix

package readme

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// document is one README.
type document struct {
	path string // relative to the repository, with slashes
	text string
}

// root is the repository, from the directory of this package.
var root = filepath.Join("..", "..", "..")

// documents are the READMEs of a repository that are on the disk, the root's first, without the one that a rename puts
// in place and those of projects that tests make.
func documents(t *testing.T, dir string) []document {
	t.Helper()
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*README.md")
	list.Dir = dir
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	docs := []document{{"README.md", string(rig.Read(t, filepath.Join(dir, "README.md")))}}
	for _, file := range strings.Fields(string(out)) {
		name := filepath.Join(dir, filepath.FromSlash(file))
		_, err := os.Stat(name)
		if os.IsNotExist(err) || file == "README.md" || file == "scripts/rename/own/README.md" || strings.Contains(file, "/testdata/") {
			continue
		}
		docs = append(docs, document{file, string(rig.Read(t, name))})
	}
	return docs
}

var (
	fence   = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```$")
	code    = regexp.MustCompile("`([^`\n]+)`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
)

// blocks are the fenced blocks in a language, which may be empty.
func (d document) blocks(language string) (blocks []string) {
	for _, m := range fence.FindAllStringSubmatch(d.text, -1) {
		if m[1] == language {
			blocks = append(blocks, m[2])
		}
	}
	return blocks
}

// commands are the lines of the blocks that a shell runs.
func (d document) commands() []string {
	return blocks(d.text, "sh")
}

// prose is the text without fenced blocks.
func (d document) prose() string { return fence.ReplaceAllString(d.text, "") }

// spans are the code spans within lines.
func (d document) spans() (spans []string) {
	for _, m := range code.FindAllStringSubmatch(d.prose(), -1) {
		spans = append(spans, m[1])
	}
	return spans
}

// rows are the lines of tables, without those below the headings.
func (d document) rows() (rows []string) {
	for line := range strings.Lines(d.prose()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| ") {
			rows = append(rows, line)
		}
	}
	return rows
}

// links are the targets within the repository, relative to it, with the fragment of each.
func (d document) links() (links []target) {
	for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(d.prose(), "code"), -1) {
		to := m[1] + m[2]
		if strings.Contains(to, "://") {
			continue
		}
		file, fragment, _ := strings.Cut(to, "#")
		if file == "" {
			file = path.Base(d.path)
		}
		links = append(links, target{to, path.Join(path.Dir(d.path), file), fragment})
	}
	return links
}

type target struct {
	written        string
	file, fragment string
}

// anchors are the fragments of the headings on GitHub: letters, digits, dashes and underscores, in lower case.
func (d document) anchors() map[string]bool {
	anchors := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(d.prose(), -1) {
		name := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(m[1]), " ", "-"))
		anchors[regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(name, "")] = true
	}
	return anchors
}
