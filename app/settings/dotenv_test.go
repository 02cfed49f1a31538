package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDotenv(t *testing.T) {
	known := Variables()
	write := func(text string) Dotenv {
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return LoadDotenv(file)
	}
	t.Setenv("TURNKEY_TEST_REAL", "real")
	t.Setenv("TURNKEY_TEST_FILE", "")
	os.Unsetenv("TURNKEY_TEST_FILE")
	d := write("TURNKEY_TEST_REAL=file\nTURNKEY_TEST_FILE='of the file'\nDATABASE_URL=x\nSMTP_ADDR=y\nHTTP_PROXY=z\n")
	if f := d.faults(known); len(f) > 0 {
		t.Errorf("the site's own variables are faults: %v", f)
	}
	if os.Getenv("TURNKEY_TEST_REAL") != "real" || os.Getenv("TURNKEY_TEST_FILE") != "of the file" {
		t.Error("the real environment should win over the file, and the file over nothing")
	}
	for text, want := range map[string]string{
		"HTPS_ADDR=:1\n": "HTTPS_ADDR", "DOMIANS=x\n": "DOMAINS", "DOMAIN=x\n": "DOMAINS", "ENVV=prod\n": "ENV",
		"TLS_CERTIFICATE=x\n": "TLS_", "ACME_URL=x\n": ".env.example",
	} {
		if f := write(text).faults(known); len(f) != 1 || !strings.Contains(f[0].Error(), want) {
			t.Errorf("%q: got %v, want one fault that says %s", text, f, want)
		}
	}
	for text, want := range map[string]string{
		"A=1\nthis is no setting hush\nB=hush\n": "line 2",
		"A=1\nB=\"hush\nC=hush\n":                "line 2",
		"=hush\n":                                "line 1",
		"A=-----BEGIN X-----\nhush-and-more\n":   "line 2",
	} {
		f := write(text).faults(known)
		if len(f) != 1 || !strings.Contains(f[0].Error(), want) || strings.Contains(f[0].Error(), "hush") {
			t.Errorf("%q: got %v, want one fault that says %s and no value", text, f, want)
		}
	}
	if f := LoadDotenv(filepath.Join(t.TempDir(), ".env")).faults(known); len(f) > 0 {
		t.Errorf("a missing file is a fault: %v", f)
	}
}

func TestTheRealEnvironmentWinsOverAnEditedFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("DOMAINS=new.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, ok := (Dotenv{file: file, real: map[string]bool{"DOMAINS": true}}).edited("DOMAINS"); ok {
		t.Errorf("the file's %q wins over the real environment", v)
	}
}

// make dev takes its settings from the edited file, unless the file cannot be read.
func TestEditedFileWinsWhileItIsReadable(t *testing.T) {
	const name, secret = "TURNKEY_TEST_SECRET", `$2y$10$abcdefgHIJ`
	t.Setenv(name, "")
	os.Unsetenv(name)
	file := filepath.Join(t.TempDir(), ".env")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(name + "=" + secret + "\n")
	d := LoadDotenv(file)
	if got, ok := d.edited(name); !ok || got != secret {
		t.Errorf("after an edit: got %q, %t", got, ok)
	}
	write("A=1\n" + name + "=\"hush\"y\n")
	if _, ok := d.edited(name); ok {
		t.Error("a file that cannot be understood decides")
	}
}

// One faulty line hides no other fault. What the faulty lines may have is not called missing.
func TestAFaultyLineHidesNoOtherFault(t *testing.T) {
	for text, want := range map[string]string{
		"ENV=prod\nTLS_MODE=local\nHTTPS_ADDR=8443\nDOMIANS=x\nSECRET=\"hush\"y\n":   ".env DOMIANS HTTPS_ADDR TLS_MODE",
		"ENV=production\nPROXY_PROTOCOL=on\nTRUSTED_PROXIES=\"10.0.0.7\"x\n":         ".env ENV",
		"ENV=prod\nPORT=3000\nTLS_MODE=\"proxy\"x\n":                                 ".env",
		"CLIENT_IP_HEADER=X-Real-IP\nB=1\nthis is no setting\nTRUSTED_PROXIES=x.y\n": ".env",
		"HTTP_ADDR=80\nACME_EAB_KID=x\nACME_EAB_HMAC_KEY='hush\n":                    ".env HTTP_ADDR",
	} {
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d := LoadDotenv(file)
		_, faults := Load(os.LookupEnv, d, "shop")
		var settings []string
		for _, f := range faults {
			settings = append(settings, strings.TrimPrefix(f.Setting, filepath.Dir(file)+"/"))
		}
		slices.Sort(settings)
		if got := strings.Join(settings, " "); got != want || strings.Contains(faults.Error(), "hush") {
			t.Errorf("%q has the faults %q, want %q:\n%v", text, got, want, faults)
		}
		if v, set := os.LookupEnv("ENV"); set {
			t.Errorf("ENV=%q of a malformed file is set", v)
		}
	}
}
