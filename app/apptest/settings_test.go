package apptest_test

import (
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

// A setting that the owner adds stops no test that does not know of it.
func TestARequiredSettingHasItsValueForTests(t *testing.T) {
	t.Parallel()
	site := kit.Site{
		Settings: []kit.Setting{{Name: "STRIPE_KEY", Required: true, InTests: "sk_test"}},
		Files:    shop.Files,
		Routes: func(r *gin.Engine, server kit.Server) error {
			r.GET("/key", func(c *gin.Context) { c.String(200, server.Setting("STRIPE_KEY")) })
			return nil
		},
	}
	if got := apptest.Start(t, site).Get("/key").Body; got != "sk_test" {
		t.Errorf("a test without the setting has %q", got)
	}
	if got := apptest.Start(t, site, "STRIPE_KEY=mine").Get("/key").Body; got != "mine" {
		t.Errorf("a test with the setting has %q", got)
	}
	if _, status := apptest.Run(t, site, []string{"check"}, "STRIPE_KEY="); status != 1 {
		t.Errorf("check without the setting ends with %d", status)
	}
}
