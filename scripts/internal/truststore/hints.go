package truststore

import "strings"

// Hint is a command that makes a program trust the root which reads no store. The user runs it by hand.
type Hint struct {
	Program string `json:"program"`
	Line    string `json:"line"`
	Note    string `json:"note,omitempty"`
}

// Hints are for programs that bring their own roots.
func Hints(h *Host, root *Root) []Hint {
	file, set, once := quote(root.File, false), "export ", " "
	if h.OS == "windows" { // PowerShell
		file, set, once = `"`+root.File+`"`, "$env:", "; "
	}
	hints := []Hint{
		{"curl", "curl --cacert " + file + " https://localhost:8443/", ""},
		{"Node", set + "NODE_EXTRA_CA_CERTS=" + file, "beside the public roots; node --use-system-ca reads the system's"},
		{"Python", strings.TrimPrefix(set, "export ") + "SSL_CERT_FILE=" + file + once + "python3 app.py",
			"in place of the public roots; requests reads REQUESTS_CA_BUNDLE"},
		{"Java", "keytool -importcert -noprompt -alias turnkey-dev-root -storepass changeit -keystore turnkey.p12 -file " +
			file,
			"then java -Djavax.net.ssl.trustStore=turnkey.p12 -Djavax.net.ssl.trustStorePassword=changeit …, in place of the " +
				"public roots"},
	}
	if h.Getenv("SSL_CERT_FILE") != "" && h.OS == "linux" {
		hints = append(hints, Hint{"this shell", "unset SSL_CERT_FILE",
			"it is set, so most programs started here read that file and not the system store"})
	}
	return hints
}
