package peers

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// firefox controls a Firefox by Marionette, since its --screenshot never ends on the warning page.
type firefox struct {
	process *rig.Process
	conn    net.Conn
	in      *bufio.Reader
	id      int
}

// preferences keep Firefox from connecting to other machines, and from showing its welcome pages.
const preferences = `
user_pref("marionette.port", %d);
user_pref("app.normandy.enabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.safebrowsing.downloads.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.systemAddon.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
user_pref("termsofuse.bypassNotification", true);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
`

// newProfile makes an unused profile below home, where Firefox looks for profiles.
func newProfile(t *testing.T, home string) (dir string, port int) {
	t.Helper()
	root := filepath.Join(home, ".mozilla", "firefox")
	dir, port = filepath.Join(root, "fresh.default-esr"), rig.Port(t)
	rig.Write(t, filepath.Join(root, "profiles.ini"), []byte("[Profile0]\nName=default-esr\nIsRelative=1\nPath=fresh.default-esr\nDefault=1\n"), 0o600)
	rig.Write(t, filepath.Join(dir, "user.js"), fmt.Appendf(nil, preferences, port), 0o600)
	return dir, port
}

func startFirefox(t *testing.T, home, profile string, port int) *firefox {
	t.Helper()
	f := &firefox{process: rig.Spawn(t, rig.Command{
		Path: rig.Need(t, "firefox-esr"), Master: true, Dir: home,
		Args: []string{"--headless", "--no-remote", "--marionette", "--profile", profile},
		Env:  []string{"PATH=/usr/bin:/bin", "HOME=" + home, "MOZ_CRASHREPORTER_DISABLE=1"},
	})}
	rig.Eventually(t, time.Minute, "Firefox's Marionette", func() bool {
		conn, err := net.Dial("tcp", rig.Loopback(port))
		f.conn = conn
		return err == nil
	})
	t.Cleanup(func() { f.conn.Close() })
	f.in = bufio.NewReader(f.conn)
	f.read(t) // Firefox sends its greeting first
	f.call(t, "WebDriver:NewSession", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": false}}}, nil)
	return f
}

// open visits a page and returns its source, or Firefox's name for the reason why it does not show the page.
func (f *firefox) open(t *testing.T, url string) (source, refusal string) {
	t.Helper()
	if refusal = f.call(t, "WebDriver:Navigate", map[string]any{"url": url}, nil); refusal == "" {
		f.call(t, "WebDriver:GetPageSource", nil, &source)
	}
	return source, refusal
}

// picture saves a screenshot.
func (f *firefox) picture(t *testing.T, file string) {
	t.Helper()
	var encoded string
	f.call(t, "WebDriver:TakeScreenshot", map[string]any{"full": false}, &encoded)
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(data) == 0 {
		t.Fatalf("a picture of %d bytes: %v", len(data), err)
	}
	rig.Write(t, file, data, 0o644)
}

func (f *firefox) quit(t *testing.T) {
	t.Helper()
	f.call(t, "Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}}, nil)
	f.process.ExitCode(t, 20*time.Second)
}

// call sends a command and returns its value, or the name of an error.
func (f *firefox) call(t *testing.T, command string, params map[string]any, value any) (refusal string) {
	t.Helper()
	if params == nil {
		params = map[string]any{}
	}
	f.id++
	message, err := json.Marshal([]any{0, f.id, command, params})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(f.conn, "%d:%s", len(message), message); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	var answer []json.RawMessage
	if err := json.Unmarshal(f.read(t), &answer); err != nil || len(answer) != 4 {
		t.Fatalf("%s: an answer of %d parts: %v", command, len(answer), err)
	}
	var failure struct{ Error, Message string }
	if err := json.Unmarshal(answer[2], &failure); err == nil && failure.Error != "" {
		if command != "WebDriver:Navigate" {
			t.Fatalf("%s: %s: %s", command, failure.Error, failure.Message)
		}
		return strings.TrimSpace(failure.Error + ": " + failure.Message)
	}
	if value != nil {
		result := struct{ Value any }{value}
		if err := json.Unmarshal(answer[3], &result); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	return ""
}

// read reads one message: its length, a colon, and JSON.
func (f *firefox) read(t *testing.T) []byte {
	t.Helper()
	f.conn.SetReadDeadline(time.Now().Add(time.Minute))
	var length int
	prefix, err := f.in.ReadString(':')
	if err == nil {
		_, err = fmt.Sscanf(prefix, "%d:", &length)
	}
	message := make([]byte, length)
	if err == nil {
		_, err = io.ReadFull(f.in, message)
	}
	if err != nil {
		t.Fatalf("reading from Firefox: %v", err)
	}
	return message
}
