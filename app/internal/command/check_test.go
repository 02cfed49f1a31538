package command_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/tlsconfig/localca"
)

// checkWith runs `turnkey check` and returns its exit status and everything it printed.
func checkWith(t *testing.T, env map[string]string, d settings.Dotenv) (int, string) {
	t.Helper()
	var out bytes.Buffer
	if env["HTTPS_ADDR"] == "" {
		env["HTTPS_ADDR"] = "localhost:0"
	}
	if env["HTTP_ADDR"] == "" {
		env["HTTP_ADDR"] = "localhost:0"
	}
	code := command.Main(t.Context(), command.Sample(), command.World{Args: []string{"check"}, Dotenv: d, Stdout: &out, Stderr: &out, Lookup: lookupIn(env)})
	return code, out.String()
}

func TestEveryFaultNamesItsVariableValueAndFix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testcert.Write(t, filepath.Join(dir, "certs"), "shop.test")
	cert, key := filepath.Join(dir, "certs", "cert.pem"), filepath.Join(dir, "certs", "key.pem")
	other := t.TempDir()
	testcert.Write(t, filepath.Join(other, "certs"), "shop.test")
	otherKey := filepath.Join(other, "certs", "key.pem")
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	expired, expiredKey := expiredPair(t)
	dev := t.TempDir()
	devCert, devKey := filepath.Join(dev, "cert.pem"), filepath.Join(dev, "key.pem")
	made := localca.Request{CertFile: devCert, KeyFile: devKey, CADir: filepath.Join(dev, "ca"), Names: []string{"shop.test"}}
	if _, err := localca.Ensure(made); err != nil {
		t.Fatal(err)
	}
	notDir := filepath.Join(dir, "certs", "cert.pem")

	acme := func(pairs ...string) map[string]string {
		return with(map[string]string{"ENV": "prod", "DOMAINS": "shop.example.com", "ACME_CACHE": filepath.Join(dir, "acme")}, pairs...)
	}
	files := func(pairs ...string) map[string]string {
		return with(map[string]string{"ENV": "prod", "TLS_MODE": "files", "DOMAINS": "shop.test", "TLS_CERT_FILE": cert, "TLS_KEY_FILE": key}, pairs...)
	}
	for _, test := range []struct {
		name string
		env  map[string]string
		want []string // the setting, then parts of the message
	}{
		{"an unknown ENV", with(nil, "ENV", "production"), []string{`ENV="production"`, "dev, prod"}},
		{"an unknown mode", with(nil, "TLS_MODE", "auto"), []string{`TLS_MODE="auto"`, "local, acme, files, proxy"}},
		{"prod without domains", acme("DOMAINS", ""), []string{"DOMAINS: required", "example.com"}},
		{"a wildcard", acme("DOMAINS", "a.example.com,*.example.com"), []string{`DOMAINS="*.example.com"`, "wildcard", "DNS", "certbot", "cert-manager", "TLS_MODE=files"}},
		{"localhost with acme", acme("DOMAINS", "localhost"), []string{`DOMAINS="localhost"`, "ENV=dev"}},
		{"a private address with acme", acme("DOMAINS", "192.168.1.5"), []string{`DOMAINS="192.168.1.5"`, "is a private address", "internet"}},
		{"a port in a domain", acme("DOMAINS", "example.com:443"), []string{`DOMAINS="example.com:443"`, "leave the port out"}},
		{"a scheme in a domain", acme("DOMAINS", "https://example.com"), []string{`DOMAINS="https://example.com"`, "leave the scheme out"}},
		{"nonsense for a domain", acme("DOMAINS", "exa_mple..com"), []string{`DOMAINS="exa_mple..com"`}},
		{"local in prod", acme("TLS_MODE", "local"), []string{`TLS_MODE="local"`, "acme, files or proxy"}},
		{"a duration", acme("SHUTDOWN_GRACE", "20"), []string{`SHUTDOWN_GRACE="20"`, "20s"}},
		{"a CIDR", acme("TRUSTED_PROXIES", "10.0.0.0/33"), []string{`TRUSTED_PROXIES="10.0.0.0/33"`, "10.0.0.0/8"}},
		{"trust for everybody", acme("TRUSTED_PROXIES", "0.0.0.0/0"), []string{`TRUSTED_PROXIES="0.0.0.0/0"`, "whole internet"}},
		{"a header without proxies", acme("CLIENT_IP_HEADER", "CF-Connecting-IP"), []string{`CLIENT_IP_HEADER="CF-Connecting-IP"`, "TRUSTED_PROXIES"}},
		{"an unknown header", acme("CLIENT_IP_HEADER", "X-Client"), []string{`CLIENT_IP_HEADER="X-Client"`, "X-Forwarded-For, X-Real-IP, CF-Connecting-IP, Fly-Client-IP"}},
		{"HSTS of words", acme("HSTS", "yes"), []string{`HSTS="yes"`, "max-age=31536000"}},
		{"HSTS preload alone", acme("HSTS", "max-age=31536000; preload"), []string{"includeSubDomains"}},
		{"an address", acme("HTTPS_ADDR", "8443"), []string{`HTTPS_ADDR="8443"`, "host:port"}},
		{"a port too far", acme("HTTPS_ADDR", ":70000"), []string{`HTTPS_ADDR=":70000"`}},
		{"HTTPS off", acme("HTTPS_ADDR", "off"), []string{`HTTPS_ADDR="off"`}},
		{"every origin", acme("CORS_ORIGINS", "*"), []string{`CORS_ORIGINS="*"`, "every site", "https://app.example.com"}},
		{"an origin with a path", acme("CORS_ORIGINS", "https://app.example.com/login"), []string{`CORS_ORIGINS="https://app.example.com/login"`, "leave out what comes after the host: https://app.example.com"}},
		{"a host for an origin", acme("CORS_ORIGINS", "app.example.com"), []string{`CORS_ORIGINS="app.example.com"`, "scheme and host"}},
		{"a plain origin in prod", acme("CORS_ORIGINS", "http://app.example.com"), []string{`CORS_ORIGINS="http://app.example.com"`, "https origin"}},
		{"log level", acme("LOG_LEVEL", "loud"), []string{`LOG_LEVEL="loud"`, "debug, info, warn, error"}},
		{"log format", acme("LOG_FORMAT", "xml"), []string{`LOG_FORMAT="xml"`}},
		{"an email address", acme("ACME_EMAIL", "me"), []string{`ACME_EMAIL="me"`}},
		{"a directory", acme("ACME_DIRECTORY", "letsencrypt"), []string{`ACME_DIRECTORY="letsencrypt"`, "staging"}},
		{"a CA file that is none", acme("ACME_CA_FILE", key), []string{"ACME_CA_FILE", "no PEM certificate"}},
		{"half an EAB", acme("ACME_EAB_KID", "kid"), []string{"ACME_EAB_HMAC_KEY: is missing"}},
		{"an EAB key", acme("ACME_EAB_KID", "kid", "ACME_EAB_HMAC_KEY", "sec!ret"), []string{"ACME_EAB_HMAC_KEY: is not base64"}},
		{"a cache that is a file", acme("ACME_CACHE", notDir), []string{"ACME_CACHE", "not a directory"}},
		{"a cache elsewhere", acme("ACME_CACHE", "s3://user:secret@bucket"), []string{"ACME_CACHE"}},
		{"a Redis server without a host", acme("ACME_CACHE", "redis://:secret@"), []string{"ACME_CACHE", "redis://host:6379"}},
		{"a CA file of the store that is none", acme("ACME_CACHE", "rediss://:secret@127.0.0.1:1", "ACME_CACHE_CA_FILE", key),
			[]string{`ACME_CACHE_CA_FILE="`, "no PEM certificate", "root that signed"}},
		{"a CA file of the store that is missing", acme("ACME_CACHE", "valkeys://127.0.0.1:1", "ACME_CACHE_CA_FILE", "/nowhere/ca.pem"),
			[]string{`ACME_CACHE_CA_FILE="/nowhere/ca.pem"`, "no such file"}},
		{"a CA file for a directory", acme("ACME_CACHE_CA_FILE", cert),
			[]string{"ACME_CACHE_CA_FILE=", "is for a server with TLS", "remove ACME_CACHE_CA_FILE"}},
		{"a CA file without TLS", acme("ACME_CACHE", "redis://:secret@127.0.0.1:1", "ACME_CACHE_CA_FILE", cert),
			[]string{"ACME_CACHE_CA_FILE=", "write rediss:// or valkeys://"}},
		{"a key that is too short", acme("ACME_CACHE_KEY", "c2VjcmV0"),
			[]string{"ACME_CACHE_KEY: key 1 of 1 is not 32 bytes", "openssl rand -base64 32"}},
		{"keys from variables that are not set", acme("ACME_CACHE_KEY", ","), []string{"ACME_CACHE_KEY: has commas and no key", "openssl rand -base64 32"}},
		{"QUIC in development", map[string]string{"HTTP3": "on"}, []string{`HTTP3="on": is for production only`, "ENV=prod"}},
		{"QUIC behind a proxy", with(prod, "HTTP3", "on", "TLS_MODE", "proxy"), []string{`HTTP3="on": has no effect with TLS_MODE=proxy`}},
		{"QUIC behind a balancer", acme("HTTP3", "on", "PROXY_PROTOCOL", "on", "TRUSTED_PROXIES", "10.0.0.7"), []string{`HTTP3="on": has no effect with PROXY_PROTOCOL=on`}},
		{"QUIC by another word", with(prod, "HTTP3", "yes"), []string{`HTTP3="yes": is not known`, "off, on"}},
		{"balancers from variables that are not set", acme("PROXY_PROTOCOL", "on", "TRUSTED_PROXIES", " , "), []string{"TRUSTED_PROXIES: required, since PROXY_PROTOCOL=on"}},
		{"a second key that is none", acme("ACME_CACHE_KEY", strings.Repeat("A", 43)+", sec!ret"),
			[]string{"ACME_CACHE_KEY: key 2 of 2 is not 32 bytes"}},
		{"client certificates behind a proxy", with(nil, "ENV", "prod", "TLS_MODE", "proxy", "TLS_CLIENT_CA_FILE", cert),
			[]string{"TLS_CLIENT_CA_FILE=", "cannot be enforced with TLS_MODE=proxy", "ssl_verify_client on"}},
		{"client certificates behind a proxy in development", with(nil, "TLS_MODE", "proxy", "TLS_CLIENT_CA_FILE", cert),
			[]string{"TLS_CLIENT_CA_FILE=", "SSLVerifyClient require"}},
		{"one address for two", files("HTTP_ADDR", "localhost:9443", "HTTPS_ADDR", "localhost:9443"),
			[]string{`HTTP_ADDR="localhost:9443"`, "is the address of HTTPS_ADDR too"}},
		{"one port for two", files("HTTPS_ADDR", ":9443", "ADMIN_ADDR", "localhost:9443"),
			[]string{`ADMIN_ADDR="localhost:9443"`, "is the address of HTTPS_ADDR too"}},
		{"an open admin port", acme("ADMIN_ADDR", ":6060"), []string{`ADMIN_ADDR=":6060"`, "loopback"}},
		{"the CA without limits in prod", acme("DEV_CA_CONSTRAINTS", "off"), []string{`DEV_CA_CONSTRAINTS="off"`, "development only"}},
		{"the CA's limits", with(nil, "DEV_CA_CONSTRAINTS", "no"), []string{`DEV_CA_CONSTRAINTS="no"`, "on, off"}},
		{"a development certificate in prod", files("TLS_CERT_FILE", devCert, "TLS_KEY_FILE", devKey), []string{"TLS_CERT_FILE", "cannot serve in production", "TLS_MODE=acme"}},
		{"files without a file", files("TLS_CERT_FILE", "", "TLS_KEY_FILE", ""), []string{"TLS_CERT_FILE: required"}},
		{"a missing file", files("TLS_CERT_FILE", "/nowhere/cert.pem"), []string{`TLS_CERT_FILE="/nowhere/cert.pem"`, "no such file"}},
		{"a missing key", files("TLS_KEY_FILE", "/nowhere/key.pem"), []string{"/nowhere/key.pem", "no such file"}},
		{"another's key", files("TLS_KEY_FILE", otherKey), []string{"TLS_CERT_FILE", "belongs to another certificate"}},
		{"more keys than certificates", files("TLS_KEY_FILE", key+","+otherKey), []string{"2 keys for 1"}},
		{"an expired pair", files("TLS_CERT_FILE", expired, "TLS_KEY_FILE", expiredKey), []string{"expired on 20"}},
		{"another host's pair", files("DOMAINS", "other.test"), []string{"no certificate in it is for other.test"}},
		{"a client CA that is none", files("TLS_CLIENT_CA_FILE", key),
			[]string{"TLS_CLIENT_CA_FILE", "holds a private key and no PEM certificate"}},
		{"a busy port", files("HTTPS_ADDR", busy.Addr().String()), []string{`HTTPS_ADDR="127.0.0.1:`, "in use", "stop that program"}},
		{"an address elsewhere", files("HTTP_ADDR", "192.0.2.7:8080"), []string{`HTTP_ADDR="192.0.2.7:8080"`, "not belong"}},
		{"a wildcard first", files("DOMAINS", "*.shop.test"), []string{"the main one"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out := checkWith(t, test.env, settings.Dotenv{})
			if code != 1 || !strings.Contains(out, "→") {
				t.Errorf("exit status %d, want 1 and a fix:\n%s", code, out)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
			if strings.Contains(out, "secret") || strings.Contains(out, "sec!ret") {
				t.Errorf("a secret is shown:\n%s", out)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	misspelt := dotenvOf(t, "HTPS_ADDR=:1\n")
	code, out := checkWith(t, map[string]string{"ENV": "production", "TLS_MODE": "auto", "DOMAINS": "a:1", "HTTPS_ADDR": "x", "HSTS": "?",
		"SHUTDOWN_GRACE": "soon", "TRUSTED_PROXIES": "proxy", "ACME_EAB_KID": "half", "LOG_LEVEL": "loud"}, misspelt)
	for _, name := range []string{"ENV=", "TLS_MODE=", "DOMAINS=", "HTTPS_ADDR=", "HSTS=", "SHUTDOWN_GRACE=", "TRUSTED_PROXIES=", "ACME_EAB_HMAC_KEY:", "LOG_LEVEL=", "HTPS_ADDR:"} {
		if !strings.Contains(out, "  "+name) {
			t.Errorf("%s is not reported", name)
		}
	}
	if code != 1 || !strings.Contains(out, "10 things are wrong; nothing was started") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

// dotenvOf reads a .env file with that text. After the test it removes the file's variables from the environment.
func dotenvOf(t *testing.T, text string) settings.Dotenv {
	t.Helper()
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, "=")
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return settings.LoadDotenv(file)
}

// Handlers must get from os.Getenv exactly what the file says.
func TestDotenvKeepsSecretsAsWritten(t *testing.T) {
	const name, secret = "TURNKEY_TEST_SECRET", `$2y$10$abcdefgHIJ`
	d := dotenvOf(t, name+"="+secret+"\n")
	if code, out := checkWith(t, map[string]string{}, d); code != 0 || os.Getenv(name) != secret {
		t.Errorf("got %q, want %q; check exits with %d:\n%s", os.Getenv(name), secret, code, out)
	}
	code, out := checkWith(t, map[string]string{}, dotenvOf(t, "A=1\n"+name+"=\"hush\"y\n"))
	if code != 1 || !strings.Contains(out, ".env: line 2 ("+name+") has text after the closing quote\n      → ") ||
		strings.Contains(out, "hush") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

// expiredPair makes an expired certificate and its key.
func expiredPair(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	makeExpired(t, cert, key)
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// Browsers keep no HSTS for an address (RFC 6797 §8.1.1), whether this server has the certificate or a proxy.
func TestCheckSaysWhereHSTSIsLeftOut(t *testing.T) {
	t.Parallel()
	for domains, want := range map[string]bool{"shop.test,203.0.113.7": true, "shop.test": false} {
		code, out := checkWith(t, with(nil, "ENV", "prod", "TLS_MODE", "proxy", "HTTP_ADDR", "127.0.0.1:0", "DOMAINS", domains),
			settings.Dotenv{})
		if code != 0 || strings.Contains(out, "max-age=31536000   (not for addresses") != want {
			t.Errorf("%s: exit status %d, want 0, and the note %v:\n%s", domains, code, want, out)
		}
	}
}

func makeExpired(t *testing.T, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"shop.test"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
