package peers

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// artifacts is the folder for screenshots, which people look at.
var artifacts = filepath.Join("..", "artifacts")

// Chromium shows its warning before the development CA is trusted, and the page after.
func TestChromiumShowsThePageOnlyWithTrust(t *testing.T) {
	t.Parallel()
	rig.Need(t, "chromium")
	rig.Need(t, "certutil")
	dir := t.TempDir()
	https, http := rig.Port(t), rig.Port(t)
	rig.Start(t, dir, rig.Env{"HTTPS_ADDR": fmt.Sprintf("localhost:%d", https), "HTTP_ADDR": fmt.Sprintf("localhost:%d", http)})
	home := fmt.Sprintf("https://localhost:%d/", https)
	connection := home + "connection"
	caFile := filepath.Join(dir, "certs", "ca.pem")
	rig.Eventually(t, 5*time.Second, caFile, func() bool { _, err := os.Stat(caFile); return err == nil })

	t.Run("without trust there is no page", func(t *testing.T) {
		t.Parallel()
		got := newBrowser(t).Run(t, "--dump-dom", connection)
		// Some versions of headless Chromium show their own warning page, with a heading. Others show nothing.
		if strings.Contains(got.Stdout, private) {
			t.Errorf("the page is shown:\n%s", got.Stdout)
		}
		if want := "ERR_CERT_AUTHORITY_INVALID"; !strings.Contains(got.Stdout+got.Stderr, want) {
			t.Errorf("Chromium does not say %s:\n%s", want, got.Stderr)
		}
	})

	t.Run("with trust the page is private", func(t *testing.T) {
		t.Parallel()
		b := newBrowser(t)
		b.Trust(t, rig.Need(t, "certutil"), caFile)
		for _, url := range []string{
			connection,
			fmt.Sprintf("http://localhost:%d/connection?by=redirect", http),
			fmt.Sprintf("https://127.0.0.1:%d/connection", https),
			fmt.Sprintf("https://%s.localhost:%d/connection", rig.Project(t), https),
		} {
			got := b.Run(t, "--enable-logging=stderr", "--dump-dom", url)
			for _, want := range []string{private, "TLS 1.3", "HTTP/2.0"} {
				if !strings.Contains(got.Stdout, want) {
					t.Errorf("%s does not show %q:\n%s", url, want, got.Stdout)
				}
			}
			if strings.Contains(got.Stderr, "CONSOLE") {
				t.Errorf("%s has something on the console:\n%s", url, got.Stderr)
			}
		}
	})

	t.Run("screenshots", func(t *testing.T) {
		t.Parallel()
		if err := os.MkdirAll(artifacts, 0o755); err != nil {
			t.Fatal(err)
		}
		b := newBrowser(t)
		b.Trust(t, rig.Need(t, "certutil"), caFile)
		for _, page := range []struct{ name, url string }{{"home", home}, {"connection", connection}, {"missing", home + "nothing-here"}} {
			for _, look := range []struct {
				name          string
				width, height int
				dark          bool
			}{
				{"light", 1280, 900, false},
				{"dark", 1280, 900, true},
				{"phone", 390, 844, false},
				{"phone-dark", 390, 844, true},
			} {
				file, err := filepath.Abs(filepath.Join(artifacts, page.name+"-"+look.name+".png"))
				if err != nil {
					t.Fatal(err)
				}
				scheme := 1
				if look.dark {
					scheme = 0
				}
				b.Run(t, fmt.Sprintf("--blink-settings=preferredColorScheme=%d", scheme), "--hide-scrollbars",
					fmt.Sprintf("--window-size=%d,%d", look.width, look.height), "--screenshot="+file, page.url)
				checkPicture(t, file, look.width, look.height, look.dark)
			}
		}
	})
}

// Helpers

// newBrowser is Chromium with a new home directory.
func newBrowser(t *testing.T) rig.Chromium {
	t.Helper()
	return rig.Chromium{Path: rig.Need(t, "chromium"), Home: t.TempDir()}
}

// checkPicture checks that a screenshot is not blank and that its background is light or dark as wanted.
func checkPicture(t *testing.T, file string, width, height int, dark bool) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	if got, want := picture.Bounds(), image.Rect(0, 0, width, height); got != want {
		t.Errorf("%s is %v, want %v", file, got, want)
	}
	r, g, b, _ := picture.At(2, 2).RGBA()
	if paper := (r + g + b) / 3 >> 8; dark && paper > 64 || !dark && paper < 192 {
		t.Errorf("the paper of %s has brightness %d of 255; dark: %v", file, paper, dark)
	}
	colours := map[[3]uint32]bool{}
	for y := range height {
		for x := range width {
			r, g, b, _ := picture.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
		}
	}
	if len(colours) < 10 {
		t.Errorf("%s is blank", file)
	}
}
