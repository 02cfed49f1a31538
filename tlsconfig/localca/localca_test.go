package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func request(dir string, names ...string) Request {
	return Request{CertFile: filepath.Join(dir, "certs", "cert.pem"), KeyFile: filepath.Join(dir, "certs", "key.pem"),
		CADir: filepath.Join(dir, "ca"), Names: append([]string{"localhost", "127.0.0.1"}, names...)}
}

func ensure(t *testing.T, req Request) Result {
	t.Helper()
	res, err := Ensure(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestThePairServesAndIsMadeOnce(t *testing.T) {
	t.Parallel()
	req := request(t.TempDir(), "shop.test", "::1", "192.168.1.20")
	first := ensure(t, req)
	if first.Why == "" || !first.MadeCA {
		t.Errorf("the first run made nothing: %+v", first)
	}
	leaf := first.Leaf
	root, err := os.ReadFile(filepath.Join(filepath.Dir(req.CertFile), "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(req.CertFile, req.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	for _, der := range pair.Certificate[1:] {
		c, _ := x509.ParseCertificate(der)
		middle.AddCert(c)
	}
	for _, name := range []string{"localhost", "shop.test", "127.0.0.1", "[::1]", "192.168.1.20"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() || leaf.IsCA || !leaf.BasicConstraintsValid || len(leaf.ExtKeyUsage) != 1 ||
		leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("the leaf is not a plain P-256 server certificate: %+v", leaf)
	}
	if back := time.Since(leaf.NotBefore); back < 23*time.Hour || back > 25*time.Hour {
		t.Errorf("back-dated %s, want a day", back)
	}
	if life := time.Until(leaf.NotAfter); life < 89*24*time.Hour || life > 91*24*time.Hour {
		t.Errorf("valid for %s, want 90 days", life)
	}
	if second := ensure(t, req); second.Why != "" || second.MadeCA || !second.Leaf.Equal(leaf) {
		t.Errorf("the second run made something: %+v", second)
	}
}

func TestUnusablePairIsReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(t *testing.T, req *Request)
		why   string
		bad   bool // the old files are kept as *.bad
	}{
		"missing key":   {func(t *testing.T, req *Request) { os.Remove(req.KeyFile) }, "missing", true},
		"corrupt":       {func(t *testing.T, req *Request) { os.WriteFile(req.CertFile, []byte("-----BEGIN nothing"), 0o644) }, "corrupt", true},
		"mismatched":    {func(t *testing.T, req *Request) { spoilKey(t, req) }, "mismatched", true},
		"names changed": {func(t *testing.T, req *Request) { req.Names = append(req.Names, "new.test") }, "names", false},
		"another CA":    {func(t *testing.T, req *Request) { req.CADir += "2" }, "another", false},
		"CA gone":       {func(t *testing.T, req *Request) { os.RemoveAll(req.CADir) }, "another", false},
		"CA file corrupt": {func(t *testing.T, req *Request) {
			os.WriteFile(filepath.Join(req.CADir, issuerFile), []byte("x"), 0o600)
		}, "another", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := request(t.TempDir())
			ensure(t, req)
			test.spoil(t, &req)
			res := ensure(t, req)
			if !strings.Contains(res.Why, test.why) {
				t.Errorf("made anew because %q, want %q", res.Why, test.why)
			}
			if _, err := tls.LoadX509KeyPair(req.CertFile, req.KeyFile); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(req.CertFile + ".bad"); test.bad != (err == nil) {
				t.Errorf("old certificate kept as *.bad: %v, want %v", err == nil, test.bad)
			}
			if again := ensure(t, req); again.Why != "" {
				t.Errorf("made yet again: %s", again.Why)
			}
		})
	}
}

func spoilKey(t *testing.T, req *Request) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := marshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(req.KeyFile, data, 0o600)
}

func TestPairOfAnotherIssuerIsKept(t *testing.T) {
	t.Parallel()
	req := request(t.TempDir())
	os.MkdirAll(filepath.Dir(req.CertFile), 0o700)
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	own := &x509.Certificate{SerialNumber: serial(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, own, own, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(req.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	before, _ := os.ReadFile(req.CertFile)
	if _, err := Ensure(req); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	if after, _ := os.ReadFile(req.CertFile); string(after) != string(before) {
		t.Error("the file was changed")
	}
}

// The key of the root must not be stored. With it an attacker could sign for every name that the CA is trusted for.
func TestRootKeyIsNotStoredAndKeysArePrivate(t *testing.T) {
	dir := t.TempDir()
	old := umask(0)
	defer umask(old)
	req := request(dir)
	ensure(t, req)
	ca, _, err := Open(req.CADir)
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		info, _ := d.Info()
		if d.IsDir() {
			if path != dir && info.Mode().Perm() != 0o700 && runtime.GOOS != "windows" {
				t.Errorf("%s is %v, want 0700", path, info.Mode())
			}
			return nil
		}
		data, _ := os.ReadFile(path)
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "PRIVATE KEY" {
				continue
			}
			keys++
			k, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
			if k.(*ecdsa.PrivateKey).PublicKey.Equal(ca.Root().PublicKey) {
				t.Errorf("the root's key is in %s", path)
			}
			if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
				t.Errorf("%s holds a key and is %v, want 0600", path, info.Mode())
			}
		}
		return nil
	})
	if keys != 2 {
		t.Errorf("%d keys found, want the intermediate's and the leaf's", keys)
	}
	os.Chmod(req.KeyFile, 0o644)
	ensure(t, req)
	if info, _ := os.Stat(req.KeyFile); info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("a key opened to others stays %v", info.Mode())
	}
}

func TestPublicNamesAreRefused(t *testing.T) {
	t.Parallel()
	req := request(t.TempDir(), "shop.example.com", "8.8.8.8", "ok.test")
	res := ensure(t, req)
	if got := strings.Join(res.Skipped, " "); got != "shop.example.com 8.8.8.8" {
		t.Errorf("skipped %q", got)
	}
	ca, _, err := Open(req.CADir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ca.Issue([]string{"bank.example.com"}); err == nil {
		t.Error("the CA signed for a public name")
	}
	// Verifiers refuse what an attacker with the key would sign.
	for _, rogue := range []string{"bank.example.com", "8.8.8.8", "com", "2001:4860:4860::8888"} {
		forged := forge(t, ca, rogue)
		roots, middle := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(ca.root)
		middle.AddCert(ca.issuer)
		if _, err := forged.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle}); err == nil {
			t.Errorf("Go accepts a forged certificate for %s", rogue)
		}
		if openssl, err := exec.LookPath("openssl"); err == nil {
			dir := t.TempDir()
			for name, c := range map[string]*x509.Certificate{"root.pem": ca.root, "middle.pem": ca.issuer,
				"leaf.pem": forged} {
				os.WriteFile(filepath.Join(dir, name), certPEM(c), 0o644)
			}
			cmd := exec.Command(openssl, "verify", "-CAfile", "root.pem", "-untrusted", "middle.pem", "leaf.pem")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err == nil {
				t.Errorf("OpenSSL accepts a forged certificate for %s: %s", rogue, out)
			}
		}
	}
}

// forge signs for a name that Issue refuses.
func forge(t *testing.T, ca *CA, name string) *x509.Certificate {
	t.Helper()
	free := &CA{root: ca.root, issuer: new(x509.Certificate), key: ca.key}
	*free.issuer = *ca.issuer
	free.issuer.PermittedDNSDomains = []string{name}
	free.issuer.PermittedIPRanges = parseCIDRs("0.0.0.0/0", "::/0")
	chain, _, err := free.Issue([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return parseLeaf(chain)
}

func TestConcurrentCallsMakeOnePair(t *testing.T) {
	t.Parallel()
	req := request(t.TempDir())
	var wg sync.WaitGroup
	results := make(chan Result, 8)
	for range 8 {
		wg.Go(func() {
			res, err := Ensure(req)
			if err != nil {
				t.Error(err)
			}
			results <- res
		})
	}
	wg.Wait()
	close(results)
	made := 0
	for res := range results {
		if res.Why != "" {
			made++
		}
	}
	if _, err := tls.LoadX509KeyPair(req.CertFile, req.KeyFile); err != nil || made != 1 {
		t.Errorf("%d made a pair (%v), want 1", made, err)
	}
}

func TestALockLeftBehindIsTakenOver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), ".lock")
	os.WriteFile(path, nil, 0o600)
	os.Chtimes(path, time.Now().Add(-time.Minute), time.Now().Add(-time.Minute))
	unlock, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestNames(t *testing.T) {
	t.Parallel()
	names := Names("shop", []string{"SHOP.test", "localhost"})
	for _, want := range []string{"localhost", "shop.localhost", "127.0.0.1", "::1", "shop.test"} {
		if strings.Count(" "+strings.Join(names, " ")+" ", " "+want+" ") != 1 {
			t.Errorf("%s is not there once: %v", want, names)
		}
	}
	for name, want := range map[string]bool{"laptop": true, "my laptop": false, "a_b": false, "-a": false, "": false,
		"a..b": false} {
		if dnsName(name) != want {
			t.Errorf("dnsName(%q) is %v", name, !want)
		}
	}
}

func BenchmarkEnsure(b *testing.B) {
	dir := b.TempDir()
	for name, names := range map[string]func(int) []string{
		"kept": func(int) []string { return nil }, "made": func(i int) []string { return []string{fmt.Sprintf("n%d.test", i)} },
	} {
		b.Run(name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, err := Ensure(request(dir, names(i)...)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
