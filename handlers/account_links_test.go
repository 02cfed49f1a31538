package handlers

import (
	"strings"
	"testing"

	"example.com/turnkey/app/apptest"
)

func TestALinkOfTheCommandLeadsToTheSite(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		"ENV=dev HTTPS_ADDR=":                   "https://localhost:8443/new-password?",
		"ENV=dev HTTPS_ADDR=:9443":              "https://localhost:9443/new-password?",
		"ENV=dev HTTPS_ADDR=0.0.0.0:9443":       "https://localhost:9443/new-password?",
		"ENV=dev HTTPS_ADDR=[::]:9443":          "https://localhost:9443/new-password?",
		"ENV=dev HTTPS_ADDR=localhost:443":      "https://localhost/new-password?",
		"ENV=dev HTTPS_ADDR=192.168.1.20:9443":  "https://192.168.1.20:9443/new-password?",
		"ENV=dev HTTPS_ADDR=[::1]:9443":         "https://[::1]:9443/new-password?",
		"ENV=dev HTTPS_ADDR=localhost:0":        "", // the system chooses the port
		"ENV=dev TLS_MODE=proxy HTTPS_ADDR=":    "",
		"ENV=dev TLS_MODE=proxy DOMAINS=a.test": "https://a.test/new-password?",
		"DOMAINS=a.test,b.test":                 "https://a.test/new-password?",
		"DOMAINS=2001:db8::7":                   "https://[2001:db8::7]/new-password?",
	} {
		out, status := apptest.Run(t, Site, []string{"account", address("ada")}, strings.Fields(settings)...)
		if !strings.HasPrefix(out, want) || (status == 0) != (want != "") {
			t.Errorf("%s: exit status %d and %q, want %s", settings, status, out, want)
		}
		// Without HTTPS_ADDR, make dev takes another port if that one is in use.
		if moves := settings == "ENV=dev HTTPS_ADDR="; strings.Contains(out, "make dev") != moves {
			t.Errorf("%s: the command says of make dev: %q", settings, out)
		}
	}
}
