//go:build unix

package rename

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// upgrade is what the README says. Without --no-overlay a file that the template dropped would stay, and what moved from
// it to another one would be declared twice.
var upgrade = []string{
	"git fetch starter && git checkout --no-overlay starter/main -- middleware tlsconfig",
	"go run ./scripts/rename -write",
}

func TestAnUpgradeOfTheClosedRooms(t *testing.T) {
	starter := clone(t, root(t))
	starter.run(t, "git checkout -qB main")

	// A project, made a while ago, with work of its own.
	p := clone(t, starter.dir)
	p.run(t, "git remote rename origin starter")
	p.run(t, "go run ./scripts/rename -write "+shop)
	p.commit(t, "Rename")
	p.replace(t, "handlers/routes.go", `	r.GET("/", Home(site))`, "	r.GET(\"/\", Home(site))\n	r.GET(\"/tea\", Tea)")
	tea := "package handlers\n\nimport \"github.com/gin-gonic/gin\"\n\n// Tea is ours.\nfunc Tea(c *gin.Context) { c.String(200, \"plain\") }\n"
	rig.Write(t, filepath.Join(p.dir, "handlers", "tea.go"), []byte(tea), 0o644)
	p.replace(t, "web/templates/home.html", `{{template "footer"}}`, `<p>A turnkey solution.</p>{{template "footer"}}`)
	p.replace(t, "README.md", "# Shop", "# The shop, made from Turnkey")
	p.commit(t, "Serve tea")

	// Meanwhile: new functions, a comment, a file that moved and one that is imported by the template's path.
	starter.replace(t, "middleware/hsts.go", "// HSTS sends", "// Brew says what the newer version has.\nfunc Brew() string { return \"brewed by the newer version\" }\n\n// HSTS still sends")
	starter.run(t, "git mv tlsconfig/internal/files/pair.go tlsconfig/internal/files/pairs.go")
	newer := "package tlsconfig\n\nimport \"" + template + "/tlsconfig/localca\"\n\n// Authority is whose the development certificates are.\nfunc Authority() string { return localca.Organization }\n"
	rig.Write(t, filepath.Join(starter.dir, "tlsconfig", "newer.go"), []byte(newer), 0o644)
	starter.replace(t, "README.md", "# Turnkey", "# Turnkey, newer")
	starter.commit(t, "Newer rooms")

	for _, command := range upgrade {
		p.run(t, command)
	}

	for _, line := range strings.Split(strings.TrimRight(p.run(t, "git status --porcelain"), "\n"), "\n") {
		if file := line[3:]; !strings.HasPrefix(file, "middleware/") && !strings.HasPrefix(file, "tlsconfig/") {
			t.Errorf("the upgrade changed %s", line)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "tlsconfig", "internal", "files", "pair.go")); !os.IsNotExist(err) {
		t.Errorf("a file that moved is still where it was: %v", err)
	}
	for file, want := range map[string]string{
		"middleware/hsts.go": "// HSTS still sends", "tlsconfig/newer.go": `"` + shop + `/tlsconfig/localca"`, "tlsconfig/internal/files/pairs.go": `"` + shop + `/tlsconfig/localca"`,
		"web/templates/home.html": "A turnkey solution.", "README.md": "# The shop, made from Turnkey",
	} {
		if text := string(rig.Read(t, filepath.Join(p.dir, file))); !strings.Contains(text, want) {
			t.Errorf("%s has no %q", file, want)
		}
	}
	p.commit(t, "Upgrade")
	if got := p.run(t, upgrade[1]); !strings.HasPrefix(got, "nothing to do: ") {
		t.Errorf("the second command again says\n%s", got)
	}

	// What is new is there to be used, and all still holds.
	p.replace(t, "handlers/tea.go", `import "github.com/gin-gonic/gin"`, "import (\n\t\"github.com/gin-gonic/gin\"\n\n\t\""+shop+"/middleware\"\n)")
	p.replace(t, "handlers/tea.go", `"plain"`, "middleware.Brew()")
	p.tested(t, "./app ./handlers ./middleware ./tlsconfig/...")
	_, bodies := p.serves(t, "/tea", "/")
	if bodies[0] != "brewed by the newer version" || !strings.Contains(bodies[1], "A turnkey solution.") {
		t.Errorf("the site says %q", bodies)
	}
}
