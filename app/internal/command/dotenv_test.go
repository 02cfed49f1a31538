//go:build unix

package command_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"example.com/turnkey/app/internal/testcert"
)

// The site's Routes may read variables of .env with os.Getenv.
func TestRoutesAreCalledAfterDotenvIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
	if err := os.WriteFile(dir+"/.env", []byte("SITE_TEST_DOTENV=of the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := passedCommand(dir, map[string]string{"LOG_FORMAT": "json"}, nil)
	r, w := pipePair(t)
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	resp, err := visitorAt(servingAddr(t, r), "shop.test").Get("https://shop.test/made-with")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "of the file" {
		t.Errorf("the site was made with %q", body)
	}
}
