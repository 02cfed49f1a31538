package command_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/kit"
)

func TestBodyLimitOrTypeOfUnknownRouteStopsTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test", "www.shop.test")
	env := with(prod, "HTTPS_ADDR", "localhost:0", "HTTP_ADDR", "localhost:0",
		"TLS_CERT_FILE", filepath.Join(dir, "certs", "cert.pem"), "TLS_KEY_FILE", filepath.Join(dir, "certs", "key.pem"))
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // a site that starts serves until then
	defer cancel()
	code := command.Main(ctx, kit.Site{
		Files: command.Sample().Files,
		Routes: func(r *gin.Engine, _ kit.Server) error {
			r.POST("/api/pictures", func(*gin.Context) {})
			r.POST("/feed", func(*gin.Context) {})
			r.POST("/shops/:shop/picture", func(*gin.Context) {})
			return nil
		},
		BodyLimits: map[string]int64{"/api/picture": 20 << 20, "/shops/*/picture": 1, "/nowhere": 1, "/api/pictures": 2},
		BodyTypes:  map[string][]string{"/feeed": {"application/xml"}, "/feed": {"application/xml"}},
	}, command.World{Lookup: lookupIn(env), Stdout: &out, Stderr: &out})
	if code != 1 || !strings.Contains(out.String(), "4 things are wrong; nothing was started") {
		t.Errorf("exit status %d:\n%s", code, &out)
	}
	for _, want := range []string{
		`BodyLimits="/api/picture": is no route's pattern`, `is "/api/pictures" meant?`,
		`BodyLimits="/shops/*/picture"`, `is "/shops/:shop/picture" meant?`,
		`BodyTypes="/feeed": is no route's pattern`, `is "/feed" meant?`,
		`BodyLimits="/nowhere"`, "such as /api/pictures",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}
