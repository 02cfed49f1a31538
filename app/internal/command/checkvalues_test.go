package command_test

import (
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/app/settings"
)

// A shell and .env files remove quotes and comments from a value. docker --env-file, Kubernetes and copied text keep
// them.
func TestQuotesAndCommentsInValuesAreFaults(t *testing.T) {
	t.Parallel()
	acme := map[string]string{"ENV": "prod", "DOMAINS": "shop.example.com", "ACME_CACHE": filepath.Join(t.TempDir(), "acme")}
	files := with(acme, "TLS_MODE", "files")
	for _, test := range []struct {
		env  map[string]string
		want []string
	}{
		{with(acme, "ACME_CACHE", `"/data/acme"`),
			[]string{`ACME_CACHE="\"/data/acme\"": has quotes around`, "→ write ACME_CACHE=/data/acme\n"}},
		{with(acme, "ACME_CACHE", `'/data/acme'`), []string{"has quotes around", "→ write ACME_CACHE=/data/acme\n"}},
		{with(acme, "ACME_CACHE", `"/data/acme`), []string{"has quotes around"}},
		{with(acme, "ACME_CACHE", `/data/acme # keep this`), []string{"has a comment after", "→ write ACME_CACHE=/data/acme\n"}},
		{with(acme, "ACME_CACHE", `"/data/acme" # keep this`),
			[]string{"has a comment after", "→ write ACME_CACHE=/data/acme\n"}},
		{with(acme, "ACME_CACHE", `# nothing`), []string{"has a comment after"}},
		{with(acme, "ACME_CACHE", `"redis://:hush@127.0.0.1:1/0"`), []string{`redis://…@127.0.0.1:1/0`, "has quotes around"}},
		{with(acme, "ACME_CACHE", `redis://:hush@127.0.0.1:1/0 # hush`), []string{"has a comment after"}},
		{with(acme, "ACME_CACHE", `redis://me:hush # ours`), []string{"has a comment after", "→ write the value alone"}},
		{with(acme, "ACME_CACHE", `redis:hush # ours`), []string{"has a comment after", "→ write the value alone"}},
		{with(acme, "ACME_CACHE", `"redis://me:hush"`), []string{"has quotes around", "→ write the value alone"}},
		{with(acme, "ACME_CACHE", `~/acme`), []string{"begins with ~ or $"}},
		{with(acme, "ACME_CACHE", `$HOME/acme`), []string{"begins with ~ or $"}},
		{with(acme, "ACME_CACHE", `${DATA}/acme`), []string{"begins with ~ or $"}},
		{with(acme, "ENV", `"prod"`), []string{`ENV="\"prod\"": has quotes around`, "→ write ENV=prod\n"}},
		{with(acme, "DOMAINS", `"shop.example.com"`), []string{"has quotes around", "→ write DOMAINS=shop.example.com\n"}},
		{with(acme, "DOMAINS", `"a.example.com","b.example.com"`), []string{"→ write DOMAINS=a.example.com,b.example.com\n"}},
		{with(acme, "DOMAINS", "shop.example.com\t# ours"), []string{"has a comment after"}},
		{with(acme, "HTTPS_ADDR", `":443"`), []string{"HTTPS_ADDR", "has quotes around"}},
		{with(acme, "HTTP_ADDR", `off # closed`), []string{"HTTP_ADDR", "has a comment after", "→ write HTTP_ADDR=off\n"}},
		{with(files, "TLS_CERT_FILE", `"/tls/tls.crt"`), []string{"→ write TLS_CERT_FILE=/tls/tls.crt\n"}},
		{with(files, "TLS_KEY_FILE", `/tls/tls.key # the key`), []string{"→ write TLS_KEY_FILE=/tls/tls.key\n"}},
		{with(acme, "TLS_CLIENT_CA_FILE", `'/tls/ca.pem'`), []string{"→ write TLS_CLIENT_CA_FILE=/tls/ca.pem\n"}},
		{with(acme, "ACME_DIRECTORY", `"https://ca.test/dir"`), []string{"→ write ACME_DIRECTORY=https://ca.test/dir\n"}},
		{with(acme, "ACME_CA_FILE", "`ca.pem`"), []string{"→ write ACME_CA_FILE=ca.pem\n"}},
		{with(acme, "ACME_EMAIL", `"me@example.com"`), []string{"ACME_EMAIL", "has quotes around"}},
		{with(acme, "ACME_EAB_KID", "kid", "ACME_EAB_HMAC_KEY", `"hush"`),
			[]string{"ACME_EAB_HMAC_KEY: has quotes around", "write the value alone"}},
		{with(acme, "ACME_CACHE_KEY", `"hush", "hush"`), []string{"ACME_CACHE_KEY: has quotes around", "write the value alone"}},
		{with(acme, "HSTS", `"max-age=1"`), []string{"HSTS", "has quotes around"}},
		{with(acme, "HSTS", `max-age=1 # short`), []string{"has a comment after"}},
		{with(acme, "CORS_ORIGINS", `'https://app.example.com'`), []string{"→ write CORS_ORIGINS=https://app.example.com\n"}},
		{with(acme, "SHUTDOWN_GRACE", `"20s"`), []string{"→ write SHUTDOWN_GRACE=20s\n"}},
		{with(acme, "TRUSTED_PROXIES", `"10.0.0.0/8"`), []string{"→ write TRUSTED_PROXIES=10.0.0.0/8\n"}},

		{with(acme, "DOMAINS", "“shop.example.test”"), []string{"has quotes around", "→ write DOMAINS=shop.example.test\n"}},
		{with(acme, "DOMAINS", "‘shop.example.test’"), []string{"has quotes around"}},
		{with(acme, "DOMAINS", "«shop.example.test»"), []string{"has quotes around"}},
		{with(acme, "DOMAINS", "„shop.example.test“"), []string{"has quotes around"}},
		{with(acme, "HTTPS_ADDR", "“localhost:8443”"), []string{"has quotes around"}},
		{with(acme, "ACME_CACHE", "“/data/acme”"), []string{"→ write ACME_CACHE=/data/acme\n"}},
		{with(acme, "DOMAINS", "shop”.example.test"), []string{`remove '”' (U+201D)`}},
		{with(acme, "DOMAINS", "shop.\u200bexample.test"), []string{"cannot be seen: U+200B"}},
		{with(acme, "DOMAINS", "\u200eshop.example.test"), []string{"cannot be seen: U+200E"}},
		{with(acme, "DOMAINS", "sh\u00adop.example.test"), []string{"cannot be seen: U+00AD"}},
		{with(acme, "DOMAINS", "shop\u00a0.example.test"), []string{"remove U+00A0"}},
		{with(acme, "DOMAINS", "shop．example.test"), []string{`remove '．' (U+FF0E)`}},
		{with(acme, "DOMAINS", "shop。example.test"), []string{`remove '。' (U+3002)`}},
		{with(acme, "DOMAINS", "shop–x.example.test"), []string{`remove '–' (U+2013)`}},
		{with(acme, "DOMAINS", "shop\u00b4s.example.test"), []string{"U+00B4"}},
		{with(acme, "CORS_ORIGINS", "https://app”.example.com"), []string{"CORS_ORIGINS", "U+201D"}},
		{with(acme, "ACME_DIRECTORY", "https://ca\u201d.test/dir"), []string{"ACME_DIRECTORY"}},
		{with(acme, "ACME_CACHE", "C:\new\\acme"), []string{"holds a line break", `in double quotes \n and \r are line breaks`}},
		{with(acme, "ACME_CACHE", "/data/\u200bacme"), []string{"cannot be seen: U+200B"}},

		{with(acme, "HTTPS_ADDR", "]:8443"), []string{`HTTPS_ADDR="]:8443": is not an address`}},
		{with(acme, "HTTPS_ADDR", "[::1:8443"), []string{"is not an address"}},
		{with(acme, "HTTPS_ADDR", "[127.0.0.1]:8443"), []string{"is not an address"}},
		{with(acme, "HTTPS_ADDR", "::1:8443"), []string{"is not an address"}},
		{with(acme, "HTTP_ADDR", "*:8080"), []string{"is not an address"}},
		{with(acme, "HTTP_ADDR", "http://localhost:8080"), []string{"is not an address"}},
	} {
		code, out := checkWith(t, test.env, settings.Dotenv{})
		if code != 1 || strings.Contains(out, "hush") {
			t.Errorf("%v: exit status %d, or a secret is told:\n%s", test.env, code, out)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: no %q in:\n%s", test.env, want, out)
			}
		}
	}
}

func TestNoPasswordIsPrinted(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{
		"redis://:hu/sh@127.0.0.1:1/0", "redis://:hu#sh@127.0.0.1:1/0", "redis://:hu%sh@127.0.0.1:1/0",
		"redis://:hu?sh@127.0.0.1:1/0",
		"redis://user:12/hush@127.0.0.1:1", "redis://user:12#hush@127.0.0.1:1", "redis://user:12?hush@127.0.0.1:1",
		"redis://:hush", "redis://:hush@",
		"redis://:hu sh@127.0.0.1:1", "redis://:hush@127.0.0.1:port", "redis://:hush@127.0.0.1:1/zero", "redis:hush@127.0.0.1:1",
		"redis:/hush@127.0.0.1",
		"user:hush@127.0.0.1:1", "s3://user:hush@bucket", "s3://hush@bucket", "REDIS://:hush@127.0.0.1:1",
		"redis://hu\"sh:x@127.0.0.1:1",
		"valkey://:hu/sh@127.0.0.1:1/0", "valkeys://user:9/hush@127.0.0.1:1", "rediss://:hu[sh@127.0.0.1:1",
		"redis://127.0.0.1:1/0?password=hush",
		"redis://:hush@127.0.0.1:1/0@", "redis://127.0.0.1:1/0#hush", "://hush@x", "hush:hush://hush@x",
		":hush@127.0.0.1:1/0", "redis//:hush@127.0.0.1:1", "redis://:a@b/hush",
		"rediss://:a@b:1/0 # hush",
	} {
		code, out := checkWith(t, map[string]string{"ENV": "prod", "DOMAINS": "shop.example.com", "ACME_CACHE": cache}, settings.Dotenv{})
		if code != 1 || strings.Contains(out, "hu") && strings.Contains(strings.ReplaceAll(out, "the", ""), "sh@") ||
			strings.Contains(out, "hush") ||
			strings.Contains(out, "hu/") || strings.Contains(out, "hu#") || strings.Contains(out, "hu%") ||
			strings.Contains(out, "hu?") {
			t.Errorf("%s: exit status %d, or a password is told:\n%s", cache, code, out)
		}
		if strings.HasPrefix(cache, "redis://:hu") && !strings.Contains(out, "%2F for /, %23 for #, %25 for %") {
			t.Errorf("%s: how to write it is not told:\n%s", cache, out)
		}
	}
	for name, value := range map[string]string{"ACME_DIRECTORY": "http://user:hush@ca.test/dir",
		"CORS_ORIGINS": "https://user:hush@app.example.com/x",
		"DOMAINS":      "https://user:hush@shop.example.com", "ACME_REHEARSAL": "http://user:hush@ca.test"} {
		code, out := checkWith(t, with(map[string]string{"ENV": "prod", "DOMAINS": "shop.example.com"}, name, value), settings.Dotenv{})
		if code != 1 || strings.Contains(out, "hush") {
			t.Errorf("%s: exit status %d, or a password is told:\n%s", name, code, out)
		}
	}
}

// As a directory, each of these values would be new in every deployment, and each deployment would order new
// certificates.
func TestCacheURLWithoutSchemeIsAFault(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{"localhost:6379", "redis.internal:6379/0", "10.0.0.7:6379", "[::1]:6379", "//redis:6379", "redis//redis:6379",
		"valkey:6379", "Redis:6379", ":6379"} {
		code, out := checkWith(t, map[string]string{"ENV": "prod", "DOMAINS": "shop.example.com", "ACME_CACHE": cache}, settings.Dotenv{})
		if code != 1 || !strings.Contains(out, "is neither a directory nor the URL of a Redis server") || !strings.Contains(out, "redis://host:6379/0") {
			t.Errorf("%s: exit status %d:\n%s", cache, code, out)
		}
	}
}

// These URLs are faults because no server can have them. A Redis server that is down is only a note, as it may start
// after the site.
func TestInvalidRedisURLIsAFault(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"redis://:hush@localhost:99999", "redis://:hush@localhost:0", "rediss://:hush@one:1,two:2", "valkey://:hush@:6379"} {
		code, out := checkWith(t, map[string]string{"ENV": "prod", "DOMAINS": "shop.example.com", "ACME_CACHE": url}, settings.Dotenv{})
		if code != 1 || !strings.Contains(out, "is not the URL of a Redis server") || strings.Contains(out, "hush") {
			t.Errorf("%s: exit status %d:\n%s", url, code, out)
		}
	}
}

func TestRedisAndValkeySchemesAreAccepted(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"redis", "rediss", "valkey", "valkeys"} {
		code, out := checkWith(t, map[string]string{"ENV": "prod", "DOMAINS": "shop.example.com",
			"ACME_CACHE": scheme + "://user:hush@127.0.0.1:1/0"}, settings.Dotenv{})
		if code != 0 || !strings.Contains(out, "cache        "+scheme+"://…@127.0.0.1:1/0\n") ||
			!strings.Contains(out, "ACME_CACHE cannot be read") {
			t.Errorf("%s: exit status %d:\n%s", scheme, code, out)
		}
	}
}
