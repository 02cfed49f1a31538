package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"example.com/turnkey/tlsconfig/localca"
)

const siteURL = "https://192.168.1.20:8443/"

func TestHandover(t *testing.T) {
	srv, root, _ := serve(t)
	for path, want := range map[string]string{
		"/":                  "text/html; charset=utf-8",
		"/phone.css":         "text/css; charset=utf-8",
		"/phone.js":          "text/javascript; charset=utf-8",
		"/shop.mobileconfig": "application/x-apple-aspen-config",
		"/shop.crt":          "application/x-x509-ca-cert",
	} {
		resp, body := get(t, srv.URL+path)
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != want || len(body) == 0 {
			t.Errorf("%s: %s, %q, %d bytes; want %q", path, resp.Status, got, len(body), want)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
	_, der := get(t, srv.URL+"/shop.crt")
	cert, err := x509.ParseCertificate(der)
	if err != nil || !cert.Equal(root) {
		t.Errorf("the certificate is another one: %v", err)
	}
}

// The server has only the paths in the table: no key, no listing, and no file of the page's folder under another name.
func TestHandoverServesOnlyItsFiles(t *testing.T) {
	srv, _, _ := serve(t)
	for _, path := range []string{"/index.html", "/page/", "/page/index.html", "/issuer.pem", "/root.pem", "/certs/key.pem",
		"/../issuer.pem", "/%2e%2e/issuer.pem", "/shop.crt/", "/SHOP.CRT", "//", "/healthz"} {
		resp, body := get(t, srv.URL+path)
		if resp.StatusCode != http.StatusNotFound || bytes.Contains(body, []byte("-----BEGIN")) {
			t.Errorf("%s: %s\n%s", path, resp.Status, body)
		}
	}
	resp, err := http.Post(srv.URL+"/", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s, Allow %q", resp.Status, resp.Header.Get("Allow"))
	}
}

func TestPage(t *testing.T) {
	srv, root, said := serve(t)
	resp, body := get(t, srv.URL+"/")
	for _, want := range []string{pairs(root.Raw), root.Subject.CommonName, `href="` + siteURL + `"`, `data-probe="` + siteURL + `healthz"`,
		`href="/shop.mobileconfig"`, `href="/shop.crt"`, "Certificate Trust Settings", `name="viewport"`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %q on the page", want)
		}
	}
	for _, never := range []string{"<script>", "<style", "style=", "onclick", "PRIVATE KEY"} {
		if strings.Contains(string(body), never) {
			t.Errorf("%q is on the page", never)
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "connect-src https://192.168.1.20:8443;") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if got := said.String(); got != "127.0.0.1 opened the page\n" {
		t.Errorf("said %q", got)
	}
}

func TestPageOfCAForEveryName(t *testing.T) {
	ca, _, err := localca.Open(localca.Unconstrained(filepath.Join(t.TempDir(), "ca")))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(newHandover("shop", siteURL, ca.Root(), func(string) {}))
	defer srv.Close()
	if _, body := get(t, srv.URL+"/"); !strings.Contains(string(body), "it can vouch for every site") || strings.Contains(string(body), "private names") {
		t.Errorf("the page promises what this CA does not keep:\n%s", body)
	}
}

func TestProfile(t *testing.T) {
	ca, err := localca.New()
	if err != nil {
		t.Fatal(err)
	}
	data := profile("shop & <co>", ca.Root())
	var plist struct {
		Dict struct {
			Keys    []string `xml:"key"`
			Strings []string `xml:"string"`
			Array   struct {
				Dict struct {
					Keys    []string `xml:"key"`
					Strings []string `xml:"string"`
					Data    string   `xml:"data"`
				} `xml:"dict"`
			} `xml:"array"`
		} `xml:"dict"`
	}
	if err := xml.Unmarshal(data, &plist); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	der, err := base64.StdEncoding.DecodeString(plist.Dict.Array.Dict.Data)
	if err != nil || !bytes.Equal(der, ca.Root().Raw) {
		t.Errorf("another certificate is in it: %v", err)
	}
	if got := plist.Dict.Strings[0]; got != "Configuration" {
		t.Errorf("PayloadType %q", got)
	}
	if got := plist.Dict.Array.Dict.Strings[0]; got != "com.apple.security.root" {
		t.Errorf("PayloadType of the payload %q", got)
	}
	if !bytes.Equal(data, profile("shop & <co>", ca.Root())) {
		t.Error("it differs the second time, so it would be installed twice")
	}
}

// Helpers

func serve(t *testing.T) (*httptest.Server, *x509.Certificate, *bytes.Buffer) {
	t.Helper()
	ca, err := localca.New()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	srv := httptest.NewServer(newHandover("shop", siteURL, ca.Root(), func(line string) { fmt.Fprintln(&said, line) }))
	t.Cleanup(srv.Close)
	return srv, ca.Root(), &said
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}
