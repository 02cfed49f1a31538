//go:build unix

package upgrade

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rename/clone"
)

// owners are the packages of the template that belong to the owner. A project may have more, anywhere.
var owners = []string{"app", "handlers", "web"}

// TestEveryPackageIsListedOrTheOwners fails where a room was added and the list was forgotten.
func TestEveryPackageIsListedOrTheOwners(t *testing.T) {
	template := clone.Of(t, clone.Root(t))
	listed := regexp.MustCompile(`(?m)^\S+`).FindAllString(template.Run(t, "go run ./scripts/rooms"), -1)
	packages := strings.Fields(template.Run(t, "go list -tags nomsgpack ./..."))
	for _, p := range packages {
		p = strings.TrimPrefix(p, clone.Template+"/")
		if slices.Contains(listed, p) == slices.Contains(owners, p) {
			t.Errorf("%s is in the list: %t; the owner's: %t", p, slices.Contains(listed, p), slices.Contains(owners, p))
		}
	}
	if len(packages) < 20 || len(listed) < 20 {
		t.Errorf("%d packages, %d rooms", len(packages), len(listed))
	}
}
