package main

import (
	"io"
	"strings"
	"testing"

	pt "example.com/turnkey/scripts/internal/projecttest"
)

func TestModulePathsThatAreAccepted(t *testing.T) {
	for _, p := range []string{
		"example.com/you/shop", "github.com/JaneDoe/shop", "example.com/shop", "shop", "shop-2", "example/shop", "test/shop",
		"git.example.com/~jane/my_group/shop2", "example.com/a.b/c",
	} {
		if err := checkPath(p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestRefusedModulePathsNameTheFix(t *testing.T) {
	for p, want := range map[string]string{
		"":                                       "example.com/you/shop",
		"https://github.com/you/shop":            "github.com/you/shop",
		"https://github.com/you/Shop.git":        "github.com/you/shop",
		"git@github.com:you/shop.git":            "github.com/you/shop",
		"ssh://git@github.com/you/shop":          "github.com/you/shop",
		"example.com/you/shop/":                  "example.com/you/shop",
		"example.com//you/shop":                  "example.com/you/shop",
		"/example.com/you/shop":                  "example.com/you/shop",
		"./shop":                                 "shop",
		`example.com\you\shop`:                   "example.com/you/shop",
		"Example.com/you/shop":                   "example.com/you/shop",
		"example.com/you/Shop":                   "example.com/you/shop",
		"example.com/you/my shop":                "example.com/you/my-shop",
		"example.com/you/my_shop":                "example.com/you/my-shop",
		"example.com/you/shop.app":               "example.com/you/shop-app",
		"example.com/you/-shop":                  "example.com/you/shop",
		"example.com/you/7wonders":               "example.com/you/site-7wonders",
		"example.com/you/shop/v2":                "example.com/you/shop",
		"example.com/you/café":                   "example.com/you/caf",
		"example.com/y ou/shop":                  "example.com/you/shop", // no guess is right, so the example
		"example.com/aux/shop":                   "example.com/you/shop",
		"example.com/LONGNA~1/shop":              "example.com/you/shop",
		"example.com/.hidden/shop":               "example.com/you/shop",
		"example.com/you/scripts":                "example.com/you/shop",
		"example.com/you/doctor":                 "example.com/you/shop",
		"example.com/you/data":                   "example.com/you/shop",
		"example.com/you/etc":                    "example.com/you/shop",
		"example.com/vendor/shop":                "example.com/you/shop",
		"example.com/you/vendor":                 "example.com/you/shop",
		"example.com":                            "example.com/you/shop",
		"net":                                    "example.com/you/shop",
		"net/shop":                               "example.com/you/shop",
		"std":                                    "example.com/you/shop",
		"example.com/" + strings.Repeat("x", 64): "example.com/you/shop",
	} {
		err := checkPath(p)
		if err == nil {
			t.Errorf("%q is taken", p)
			continue
		}
		if _, after, _ := strings.Cut(err.Error(), "→ go run ./scripts/rename "); after != want {
			t.Errorf("%q is answered with %q, want %s", p, err, want)
		}
	}
}

func TestModulePathWithoutADotIsReported(t *testing.T) {
	for p, want := range map[string]bool{"shop": true, "you/shop": true, "example.com/you/shop": false,
		"example/shop": false} {
		if got := warning(p) != ""; got != want {
			t.Errorf("%s: %t, want %t", p, got, want)
		}
	}
}

func TestAPathInsideTheOldOneIsRefused(t *testing.T) {
	dir := pt.New(t, files)
	err := run(dir, []string{"example.com/turnkey/shop"}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "choose a path beside it") {
		t.Errorf("got %v", err)
	}
}

// A project that had the path of a module that it requires, or one around it, would have that module's imports for its
// own.
func TestAPathThatOtherCodeHasIsRefused(t *testing.T) {
	for p, want := range map[string]string{
		"github.com/acme/turnkey-sdk": "go.mod requires github.com/acme/turnkey-sdk",
		"github.com/acme":             "go.mod requires github.com/acme/turnkey-sdk",
		"example.com/turnkey":         "is the template's own path",
		"github.com/acme/turnkey":     "",
	} {
		dir := pt.New(t, files)
		before := pt.Snapshot(t, dir)
		err := run(dir, []string{"-write", p}, io.Discard, io.Discard)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", p, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", p, err, want)
		}
		pt.Same(t, before, pt.Snapshot(t, dir))
	}
}
