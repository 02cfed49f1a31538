// Package peers tests the product with real programs: Nginx and Apache in front of it, and browsers as its clients. A
// test whose program is missing is skipped, except in CI.
package peers

import (
	"testing"

	"example.com/turnkey/e2e/rig"
)

const shop = "shop.example.test"

func TestMain(m *testing.M) { rig.Main(m) }
