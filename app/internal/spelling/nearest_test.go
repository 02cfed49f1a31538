package spelling

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"DOMAINS", "ENV", "/shops/:shop/picture"}
	for name, want := range map[string]string{"DOMAIN": "DOMAINS", "DOMIANS": "DOMAINS", "DXMAINS": "DOMAINS", "DDOMAINS": "DOMAINS",
		"EN": "ENV", "NEV": "ENV", "env": "ENV", "ENV": "ENV", "DOMIAN": "", "VEN": "", "": "", "NODE_ENV": ""} {
		if got := Nearest(name, known, 1); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := Nearest("/shop/:shop/pictures", known, 6); got != known[2] {
		t.Errorf("got %q", got)
	}
}
