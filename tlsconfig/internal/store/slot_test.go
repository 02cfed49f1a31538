package store

import (
	"strings"
	"testing"

	"example.com/turnkey/tlsconfig/setting"
)

func TestStagingAndProductionHaveSlotsOfTheirOwn(t *testing.T) {
	t.Parallel()
	if a, b := slug(setting.ProductionDirectory), slug(setting.StagingDirectory); a == b ||
		strings.ContainsAny(a+b, "/:") {
		t.Errorf("the slots are %q and %q", a, b)
	}
}
