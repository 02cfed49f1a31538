package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"example.com/turnkey/app/kit"
)

// expressSettings are the settings that the table for people from Express names. The site of TestComingFromExpress has
// all of them.
var expressSettings = map[string]string{
	"ENV": "prod", "TLS_MODE": "files", "LOG_FORMAT": "json", "TRUSTED_PROXIES": "10.0.0.0/8", "CORS_ORIGINS": "https://app.example.com",
}

// TestComingFromExpress sends requests to the counterpart of each Express feature. A test of the template alone checks
// that the README has the same code line by line.
func TestComingFromExpress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "report.pdf"), []byte("%PDF-1.7"), 0o600)
	s := startWith(t, with(expressSettings, "DOMAINS", "shop.test"), kit.Site{BodyLimits: BodyLimits, BodyTypes: BodyTypes}, expressRoutes(dir))
	for left, visit := range expressVisits(s) {
		t.Run(notLetters.ReplaceAllString(left, " "), visit) // also a directory, in lists with commas
	}
}

var notLetters = regexp.MustCompile(`[^a-zA-Z]+`)
