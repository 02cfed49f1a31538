//go:build unix

package clone

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// Vite makes a front end in web/app by the lines that the README of kit gives, with the real npm. It returns the line
// for Routes.
func (p *Project) Vite(t *testing.T) (route string) {
	t.Helper()
	cache, err := exec.Command("npm", "config", "get", "cache").Output()
	if err != nil {
		t.Fatalf("npm: %v; it comes with the package npm", err)
	}
	p.Env = append(p.Env, "npm_config_yes=true", "npm_config_cache="+strings.TrimSpace(string(cache)))
	readme := string(rig.Read(t, filepath.Join(p.Dir, "app", "kit", "README.md")))
	_, text, _ := strings.Cut(readme, "\n### A front end of its own (Vite)\n")
	p.Run(t, block(t, text, "sh"))
	p.Replace(t, "web/app/vite.config.ts", "defineConfig({", "defineConfig({\n"+block(t, text, "js"))
	return block(t, text, "go")
}

// block returns the first fenced block of the language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("app/kit/README.md has no %s for a front end", language)
	}
	return m[1]
}
