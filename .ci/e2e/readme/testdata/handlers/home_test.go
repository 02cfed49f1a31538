package handlers

import (
	"html/template"
	"os"
	"strings"
	"testing"
)

// The first page says what is so on this server. An owner's page need not, so this is no test of a clone.
func TestFirstPageIsTrueInEachMode(t *testing.T) {
	t.Parallel()
	functions := template.FuncMap{"asset": func(name string) string { return name }}
	page := template.Must(template.New("").Funcs(functions).ParseFS(os.DirFS("../web/templates"), "layout.html", "home.html"))
	modes := map[string]string{"local": "certs/", "acme": "certificate authority", "files": "TLS_CERT_FILE", "proxy": "The proxy in front"}
	for mode := range modes {
		for _, production := range []bool{false, true} {
			var out strings.Builder
			if err := page.ExecuteTemplate(&out, "layout.html", firstPage{Production: production, TLSMode: mode}); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(out.String()), " ") // wherever lines are broken
			for other, words := range modes {
				if strings.Contains(text, words) != (other == mode) {
					t.Errorf("%s: the page says %q: %v", mode, words, other != mode)
				}
			}
			if strings.Contains(text, "Go live") == production || strings.Contains(text, "Keep it running") != production {
				t.Errorf("%s, production %v: the page says\n%s", mode, production, text)
			}
		}
	}
}
