// Package setting has the words in which settings of certificates are described, without the code that makes
// certificates. A package that reads the environment can use it and link neither autocert nor gin.
package setting

import "fmt"

// Mode says where certificates come from.
type Mode string

const (
	Local Mode = "local" // PEM files that a development CA of this machine makes
	ACME  Mode = "acme"  // an ACME CA (RFC 8555), Let's Encrypt's by default
	Files Mode = "files" // PEM files that another program makes and renews
	Proxy Mode = "proxy" // none: TLS ends at a proxy in front
)

// Directories of Let's Encrypt.
const (
	ProductionDirectory = "https://acme-v02.api.letsencrypt.org/directory"
	StagingDirectory    = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// Fault is one thing wrong with a setting, and what to do about it.
type Fault struct {
	Setting string // name of the environment variable
	Value   string // as given; left out of messages when empty
	Problem string
	Fix     string
}

// Error is the fault in one line.
func (f Fault) Error() string {
	value := ""
	if f.Value != "" {
		value = fmt.Sprintf("=%q", f.Value)
	}
	return fmt.Sprintf("%s%s: %s (fix: %s)", f.Setting, value, f.Problem, f.Fix)
}
