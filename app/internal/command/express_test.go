package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"example.com/turnkey/app/kit"
)

// expressSettings are those that people from Express are told of. The site of TestComingFromExpress has them all.
var expressSettings = map[string]string{
	"ENV": "prod", "TLS_MODE": "files", "LOG_FORMAT": "json", "TRUSTED_PROXIES": "10.0.0.0/8", "CORS_ORIGINS": "https://app.example.com",
}

// TestComingFromExpress visits what stands in for each thing of Express. That the README of the template says the same, line by
// line, is a test of the template alone.
func TestComingFromExpress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "report.pdf"), []byte("%PDF-1.7"), 0o600)
	s := startWith(t, with(expressSettings, "DOMAINS", "shop.test"), kit.Site{BodyLimits: BodyLimits, BodyTypes: BodyTypes}, expressRoutes(dir))
	for left, visit := range expressVisits(s) {
		t.Run(notLetters.ReplaceAllString(left, " "), visit) // the name of a directory too, and lists of files have commas
	}
}

var notLetters = regexp.MustCompile(`[^a-zA-Z]+`)
