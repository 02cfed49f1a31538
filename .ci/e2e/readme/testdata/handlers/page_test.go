package handlers

import (
	"crypto/tls"
	"html/template"
	"os"
	"strings"
	"testing"
)

// crypto/tls negotiates none of these by default. An owner can configure them, and the page must be right then too.
func TestConnectionPageClaimsOnlyWhatTheConnectionHas(t *testing.T) {
	t.Parallel()
	functions := template.FuncMap{"asset": func(name string) string { return name }}
	files := os.DirFS("../web/templates")
	page := template.Must(template.New("").Funcs(functions).ParseFS(files, "layout.html", "connection.html"))
	for _, test := range []struct {
		name      string
		state     tls.ConnectionState
		has, lack []string
	}{
		{"RSA key exchange", tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
			[]string{"There is no forward secrecy", "under the certificate’s key", "none (RSA)"}, []string{"That is what gives", "never travels", "ServerKeyExchange", "Signature is", "is an elliptic curve"}},
		{"resumed after RSA key exchange", tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_RSA_WITH_AES_128_GCM_SHA256, DidResume: true},
			[]string{"There is no forward secrecy"}, []string{"never travels", "never travelled", "That is what gives"}},
		{"a hello asked for again", tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.CurveP384, HelloRetryRequest: true},
			[]string{"HelloRetryRequest", "one more round trip", "secp384r1", "It named no host"}, []string{"I want to reach", "two agreements in one"}},
		{"an encrypted hello", tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768, ECHAccepted: true, ServerName: "shop.test"},
			[]string{"in part encrypted", "two agreements in one", "I want to reach"}, []string{"can read the", "HelloRetryRequest"}},
	} {
		info := connectionInfo{Scheme: "https"}
		info.addState(&test.state)
		var out strings.Builder
		if err := page.ExecuteTemplate(&out, "layout.html", connectionPage{Connection: info}); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		text := strings.Join(strings.Fields(out.String()), " ") // wherever lines are broken
		for _, want := range test.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the page does not say %q", test.name, want)
			}
		}
		for _, never := range test.lack {
			if strings.Contains(text, never) {
				t.Errorf("%s: the page says %q", test.name, never)
			}
		}
	}
}
