package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// shop is a site that has settings and commands of its own.
func shop(commands ...kit.Command) kit.Site {
	site := command.Sample()
	site.Settings = []kit.Setting{
		{Name: "STRIPE_KEY", About: "the key of the account at Stripe", Required: true, Secret: true,
			Check: func(v string) error {
				if !strings.HasPrefix(v, "sk_") {
					return fmt.Errorf("%q does not begin with sk_", v)
				}
				return nil
			}},
		{Name: "SHOP_NAME", About: "what the first page is called", Default: "The shop"},
	}
	site.Commands = commands
	return site
}

// runs calls the program with words and returns its exit status and what it wrote.
func runs(t *testing.T, site kit.Site, env map[string]string, stdin io.Reader, words ...string) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = command.Main(t.Context(), site, command.World{Args: words, Lookup: lookupIn(env), Stdin: stdin, Stdout: &stdout, Stderr: &stderr})
	return status, stdout.String(), stderr.String()
}

func TestOwnCommandHasTheSettings(t *testing.T) {
	t.Parallel()
	site := shop(kit.Command{Name: "adduser", About: "add a user", Run: func(ctx context.Context, call kit.Call) error {
		password, err := io.ReadAll(call.Stdin)
		fmt.Fprintln(call.Stdout, call.Args, string(password), call.Setting("STRIPE_KEY"), call.Setting("SHOP_NAME"), call.Production())
		return err
	}})
	site.Routes = nil // not called
	status, out, errs := runs(t, site, map[string]string{"STRIPE_KEY": " sk_1 "}, strings.NewReader("hush"), "adduser", "ada", "--admin")
	if status != 0 || errs != "" || out != "[ada --admin] hush sk_1 The shop false\n" {
		t.Errorf("exit status %d, %q, %q", status, out, errs)
	}
	site.Commands[0].Run = func(context.Context, kit.Call) error { return errors.New("ada is there already") }
	if status, out, errs = runs(t, site, map[string]string{"STRIPE_KEY": "sk_1"}, nil, "adduser"); status != 1 || errs != "adduser: ada is there already\n" {
		t.Errorf("exit status %d, %q, %q", status, out, errs)
	}
}

// All faults are told at once, those of the site's settings among the others, and by the commands of the site too.
func TestFaultsOfOwnSettingsAreToldWithAllOthers(t *testing.T) {
	t.Parallel()
	called := false
	site := shop(kit.Command{Name: "adduser", Run: func(context.Context, kit.Call) error { called = true; return nil }})
	env := map[string]string{"HSTS": "?", "STRIPE_KEY": "pk_hush"}
	for _, words := range []string{"check", "serve", "adduser ada", "healthcheck"} {
		status, out, errs := runs(t, site, env, nil, strings.Fields(words)...)
		if status != 1 || !strings.Contains(errs, "2 things are wrong; nothing was started") || !strings.Contains(errs, "  HSTS=") ||
			!strings.Contains(errs, "  STRIPE_KEY: is not accepted\n      → correct STRIPE_KEY: the key of the account at Stripe\n") {
			t.Errorf("%s: exit status %d\n%s", words, status, errs)
		}
		if strings.Contains(out+errs, "hush") {
			t.Errorf("%s shows a secret:\n%s%s", words, out, errs)
		}
	}
	if called {
		t.Error("a command was called although its settings are wrong")
	}
}

func TestCheckShowsOwnSettingsAndNoSecret(t *testing.T) {
	t.Parallel()
	env := map[string]string{"STRIPE_KEY": "sk_hush", "HTTPS_ADDR": "localhost:0", "HTTP_ADDR": "localhost:0", "DATA_DIR": "/srv/shop"}
	status, out, errs := runs(t, shop(), env, nil, "check")
	if status != 0 || !strings.Contains(out, "  STRIPE_KEY   set\n") || !strings.Contains(out, "  SHOP_NAME    The shop\n") ||
		!strings.Contains(out, "  data         /srv/shop\n") || strings.Contains(out+errs, "hush") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
}

func TestHelpListsWhatTheSiteDeclares(t *testing.T) {
	t.Parallel()
	site := shop(kit.Command{Name: "adduser", About: "add a user"})
	for words, want := range map[string]int{"help": 0, "--help": 0, "-h": 0, "serve --help": 2, "addusers": 2} {
		status, out, errs := runs(t, site, map[string]string{"HSTS": "?"}, nil, strings.Fields(words)...)
		if want == 2 {
			out, errs = errs, out
		}
		for _, line := range []string{"  adduser      add a user\n", "  version      print the version\n",
			"  STRIPE_KEY  the key of the account at Stripe (required)\n", "  SHOP_NAME   what the first page is called (default: The shop)\n"} {
			if status != want || errs != "" || !strings.Contains(out, line) {
				t.Errorf("%s: exit status %d, no %q in\n%s%s", words, status, line, out, errs)
			}
		}
	}
}

func TestWrongCommandsAreFaultsOfTheStart(t *testing.T) {
	t.Parallel()
	run := func(context.Context, kit.Call) error { return nil }
	site := command.Sample()
	site.Settings = []kit.Setting{{Name: "HSTS"}}
	site.Commands = []kit.Command{{Name: "check", Run: run}, {Name: "help", Run: run}, {Name: "Add User", Run: run}, {Name: "seed"},
		{Name: "db:migrate", Run: run}, {Name: "db:migrate", Run: run}}
	for _, words := range []string{"", "check", "db:migrate"} {
		status, _, errs := runs(t, site, nil, nil, strings.Fields(words)...)
		for _, want := range []string{"6 things are wrong", `Settings="HSTS": is a setting of the program itself`,
			`Commands="check": is a command of the program itself`, `Commands="help": is a command of the program itself`,
			`Commands="Add User": is not the name of a command`, `Commands="seed": has no Run`, `Commands="db:migrate": is declared twice`} {
			if status != 1 || !strings.Contains(errs, want) {
				t.Errorf("%q: exit status %d, no %q in\n%s", words, status, want, errs)
			}
		}
	}
}

// What a function of the server or of the middleware panics with is told with the line of Routes that called it.
func TestAWrongCallInRoutesStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(kit.Server){
		`the setting "STRIPE_KEYS" is not declared: add {Name: "STRIPE_KEYS"} to Settings`: func(s kit.Server) { s.Setting("STRIPE_KEYS") },
		"a repeated job needs a name": func(s kit.Server) { s.Once("", time.Minute, nil) },
		"needs quotes":                func(kit.Server) { middleware.CSP("script-src self") },
	} {
		site := shop()
		site.Routes = func(_ *gin.Engine, server kit.Server) error { wrong(server); return nil }
		status, _, errs := runs(t, site, with(prod, "STRIPE_KEY", "sk_1", "TLS_MODE", "proxy", "HTTP_ADDR", "localhost:0"), nil)
		if status != 1 || !strings.Contains(errs, name) || !strings.Contains(errs, ": own_test.go:") {
			t.Errorf("exit status %d\n%s", status, errs)
		}
	}
}

// What Routes must not change in gin is a fault of the start. A Routes that does not return is told.
func TestRoutesMayNotUndoWhatTheServerNeeds(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(*gin.Engine){
		"replaces the pages of the site": func(r *gin.Engine) { r.SetHTMLTemplate(template.Must(template.New("a").Parse("a"))) },
		"they have no HSTS":              func(r *gin.Engine) { r.RedirectTrailingSlash = true },
		"Routes has not returned":        func(*gin.Engine) { time.Sleep(5500 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := command.Sample()
			site.Routes = func(r *gin.Engine, server kit.Server) error { wrong(r); return nil }
			if strings.Contains(name, "returned") {
				s := startSite(t, prod, site)
				s.once(name, "r.Run")
				return
			}
			status, _, errs := runs(t, site, with(prod, "TLS_MODE", "proxy", "HTTP_ADDR", "localhost:0"), nil)
			if status != 1 || !strings.Contains(errs, name) || !strings.Contains(errs, "nothing was started") {
				t.Errorf("exit status %d\n%s", status, errs)
			}
		})
	}
}

// waitCommand is a command of the site that TestMain runs: it waits until it is stopped.
var waitCommand = kit.Command{Name: "wait", Run: func(ctx context.Context, call kit.Call) error {
	fmt.Fprintln(call.Stdout, "waiting")
	<-ctx.Done()
	return ctx.Err()
}}
