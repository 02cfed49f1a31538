package command_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"example.com/turnkey/app/internal/command"
)

func TestUnknownCommandListsTheCommands(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"doctor https://example.com": "bin/doctor https://example.com; make build writes it, and in the project: make doctor SITE=",
		"doctor":                     "make doctor SITE=",
		"serve now":                  "usage: ",
		"start":                      "\n  healthcheck  ask the running server",
		"chekc":                      `there is no command "chekc": is "check" meant?` + "\n\nusage: ",
	} {
		var out, errs bytes.Buffer
		code := command.Main(t.Context(), command.Sample(), command.World{Args: strings.Fields(words), Stdout: &out, Stderr: &errs})
		if code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit status %d, %q, %q, want 2 and %q", words, code, out.String(), errs.String(), want)
		}
	}
}

// Packages that only a developer's programs use must stay out of the server.
func TestServerDoesNotLinkScripts(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-tags", "nomsgpack", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "/tlsconfig/localca\n") {
		t.Errorf("the server links\n%s", out)
	}
	for _, never := range []string{"/scripts/", "/fsnotify", "/qrterminal", "rsc.io/qr", "miekg/dns", "/dnsmessage"} {
		for pkg := range strings.Lines(string(out)) {
			if strings.Contains(pkg, never) && !strings.HasPrefix(pkg, "vendor/") {
				t.Errorf("the server links %s", pkg)
			}
		}
	}
}
