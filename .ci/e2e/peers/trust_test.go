package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// private is a text that /connection shows to a visitor with a private connection.
const private = "This connection is private."

// make trust must let each browser accept the site, and make untrust must undo it. The browsers start with a new
// profile each time.
func TestBrowsersFollowTrustAndUntrust(t *testing.T) {
	t.Parallel()
	rig.Need(t, "certutil")
	chromium := newBrowser(t)
	rig.Need(t, "firefox-esr")
	home := chromium.Home
	profile, marionette := newProfile(t, home)

	https := rig.Port(t)
	rig.Start(t, t.TempDir(), rig.Env{"HOME": home, "HTTPS_ADDR": fmt.Sprintf("localhost:%d", https), "HTTP_ADDR": "off"})
	page := fmt.Sprintf("https://localhost:%d/connection", https)

	script(t, home, "trust")
	f := startFirefox(t, home, profile, marionette)
	source, refusal := f.open(t, page)
	if refusal != "" || !strings.Contains(source, private) {
		t.Errorf("Firefox does not show the page after make trust: %s\n%s", refusal, source)
	}
	f.picture(t, artifact(t, "firefox-trusted.png"))
	f.quit(t)
	got := chromium.Run(t, "--dump-dom", "--enable-logging=stderr", page)
	if !strings.Contains(got.Stdout, private) || strings.Contains(got.Stderr, "ERR_CERT") {
		t.Errorf("Chromium does not show the page after make trust:\n%s%s", got.Stdout, got.Stderr)
	}
	chromium.Run(t, "--window-size=1000,700", "--screenshot="+artifact(t, "chromium-trusted.png"), page)

	script(t, home, "trust", "-remove")
	f = startFirefox(t, home, profile, marionette)
	if source, refusal := f.open(t, page); !strings.HasPrefix(refusal, "insecure certificate") {
		t.Errorf("Firefox does not warn after make untrust: %q\n%s", refusal, source)
	}
	f.picture(t, artifact(t, "firefox-untrusted.png"))
	f.quit(t)
	got = chromium.Run(t, "--dump-dom", "--enable-logging=stderr", page)
	if strings.Contains(got.Stdout, private) || !strings.Contains(got.Stdout+got.Stderr, "ERR_CERT_AUTHORITY_INVALID") {
		t.Errorf("Chromium does not warn after make untrust:\n%s%s", got.Stdout, got.Stderr)
	}
	d := chromium.Steer(t)
	d.Visit(t, page, "Privacy error")
	d.Picture(t, artifact(t, "chromium-untrusted.png"))
}

// The page of make phone reports without a reload when the device trusts the CA, and fits the smallest phone.
func TestPhonePageReportsTrust(t *testing.T) {
	t.Parallel()
	rig.Need(t, "certutil")
	chromium := newBrowser(t)
	https, page := rig.Port(t), rig.Port(t)
	program := filepath.Join(t.TempDir(), "phone")
	if out, err := command(t, chromium.Home, "go", "build", "-o", program, "./scripts/phone").CombinedOutput(); err != nil {
		t.Fatalf("building the script: %v\n%s", err, out)
	}
	p := rig.Spawn(t, rig.Command{Path: program, Master: true, Dir: t.TempDir(), Env: chromium.Env(), Args: []string{
		"-host", "127.0.0.1", "-https", fmt.Sprint(https), "-http", fmt.Sprint(rig.Port(t)), "-page", fmt.Sprint(page), "-site", rig.Binary(t),
	}})
	p.WaitForPort(t, rig.Loopback(https))
	url := fmt.Sprintf("http://127.0.0.1:%d/", page)
	rig.Eventually(t, 20*time.Second, "the script's last line", func() bool { return strings.Contains(p.Stdout(), "Ctrl-C") })
	if got := scan(t, p.Stdout()); got != url {
		t.Errorf("the code in the terminal leads to %q, want %q", got, url)
	}

	const yes, no = "This device trusts the certificate.", "This device does not trust the certificate yet."
	for _, trusted := range []bool{false, true} {
		want, name, scheme := no, "phone-untrusted.png", 0
		if trusted {
			script(t, chromium.Home, "trust")
			want, name, scheme = yes, "phone-trusted.png", 1
		}
		got := chromium.Run(t, "--virtual-time-budget=5000", "--enable-logging=stderr", "--dump-dom", url)
		if !strings.Contains(got.Stdout, want) || strings.Contains(got.Stderr, "Content Security Policy") {
			t.Errorf("trusted %v: the page does not say %q:\n%s%s", trusted, want, got.Stdout, got.Stderr)
		}
		file := artifact(t, name)
		chromium.Run(t, "--virtual-time-budget=5000", "--hide-scrollbars", "--window-size=320,1000",
			fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme), "--screenshot="+file, url)
		checkPicture(t, file, 320, 1000, !trusted)
	}
}

// Helpers

// script runs a script of the project as the user of a home directory. Modules and built packages are cached.
func script(t *testing.T, home, name string, args ...string) {
	t.Helper()
	out, err := command(t, home, "go", append([]string{"run", "./scripts/" + name}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	t.Logf("%s %s\n%s", name, strings.Join(args, " "), out)
}

func command(t *testing.T, home, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatalf("go env %s: %v", name, err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(out)))
	}
	return cmd
}

// artifact is the path of a file to keep.
func artifact(t *testing.T, name string) string {
	t.Helper()
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs(filepath.Join(artifacts, name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}
