//go:build unix

package rename

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

// keepers may contain the template's name in a renamed project: closed rooms, which upgrades replace, the files of the
// CA that all projects share, the address of upgrades, and tests.
var keepers = regexp.MustCompile(`^(LICENSE|middleware/|tlsconfig/|scripts/internal/truststore/|scripts/internal/project/|scripts/rename/|scripts/upgrade/)|_test\.go$`)

var keeperLines = regexp.MustCompile(`\.local/share\}?/turnkey|[/@]example\.com/turnkey|turnkey-doctor`)

// leftovers are the lines that still contain the template's name and should not.
func leftovers(t *testing.T, p *clone.Project) []string {
	t.Helper()
	var out []string
	looked := 0
	err := filepath.WalkDir(p.Dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, _ := filepath.Rel(p.Dir, name)
		switch {
		case d.IsDir() && (file == ".git" || file == "bin" || file == "certs" || file == ".before-rename"):
			return filepath.SkipDir
		case strings.Contains(strings.ToLower(d.Name()), "turnkey") && !keepers.MatchString(file):
			out = append(out, file+" (its name)")
		case !d.IsDir():
			looked++
			n := 0
			for line := range strings.Lines(string(rig.Read(t, name))) {
				n++
				imports := strings.Contains(line, `"example.com/turnkey/`) && !strings.HasPrefix(file, "scripts/rename/") && !strings.HasPrefix(file, "scripts/upgrade/")
				named := strings.Contains(strings.ToLower(line), "turnkey") && !keepers.MatchString(file) && !keeperLines.MatchString(line)
				if imports || named {
					out = append(out, fmt.Sprintf("%s:%d: %s", file, n, strings.TrimSpace(line)))
				}
			}
		}
		return nil
	})
	if err != nil || looked < 100 {
		t.Fatalf("%d files were looked at: %v", looked, err)
	}
	return out
}
