// Package localca is a certificate authority for one developer on one machine.
//
// It has two tiers, both limited by name constraints (RFC 5280 §4.2.1.10) to private names and addresses, so
// that trusting it cannot endanger any public site: a root whose private key exists only in memory while the CA
// is made, and one intermediate, whose key is kept (0600) and signs the development certificates. Two constrained
// tiers are needed because some verifiers, Java's among them, ignore constraints on a trust anchor.
//
// Only the standard library is used; nothing here runs in production.
package localca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// Organization marks every certificate of this package, so that none of anybody else's is ever replaced.
	Organization = "Turnkey development CA"

	// RootFile is the public root certificate in the CA's directory: the one file to trust.
	RootFile = "root.pem"

	// issuerFile holds root certificate, intermediate certificate and intermediate key. It is one file so
	// that it is either there whole or not at all.
	issuerFile = "issuer.pem"

	caLifetime   = 5 * 365 * 24 * time.Hour
	leafLifetime = 90 * 24 * time.Hour

	// unconstrainedSuffix ends the name of a directory whose CA is limited to nothing. The name alone decides, so that
	// neither kind of CA is ever taken for the other.
	unconstrainedSuffix = "-unconstrained"

	// backdate forgives clocks that lag: virtual machines after sleep, phones, WSL.
	backdate = 24 * time.Hour
)

// permittedDNS are the zones that can never be public: RFC 6761 and 6762, RFC 8375 and ICANN's .internal.
var permittedDNS = []string{"localhost", "test", "local", "internal", "home.arpa"}

// permittedIP are loopback, private, link-local, carrier-grade and unique local addresses.
var permittedIP = parseCIDRs("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
	"100.64.0.0/10", "::1/128", "fc00::/7", "fe80::/10")

// CA issues development certificates. It is safe for concurrent use.
type CA struct {
	root   *x509.Certificate
	issuer *x509.Certificate
	key    *ecdsa.PrivateKey
}

// Dir is where a user's CA lives: one for all projects that began from this template, so that trust is asked for
// once. getenv is usually os.Getenv. With DEV_CA_CONSTRAINTS=off it is the one of a CA without name constraints; see
// Unconstrained. By sudo it is the invoking user's. The error says that there is no home directory.
func Dir(getenv func(string) string) (string, error) {
	home := getenv
	if by := Invoker(getenv); by != nil {
		home = func(name string) string { return map[string]string{"HOME": by.home}[name] }
	}
	dir, err := userDataDir(home, "turnkey")
	if err == nil && strings.TrimSpace(getenv("DEV_CA_CONSTRAINTS")) == "off" {
		dir = Unconstrained(dir)
	}
	return dir, err
}

// Unconstrained is the directory, beside dir, of a CA that may sign for any name, for those who must develop under
// public names. Whoever trusts such a CA is at the mercy of its key.
func Unconstrained(dir string) string { return filepath.Clean(dir) + unconstrainedSuffix }

func isUnconstrained(dir string) bool {
	return strings.HasSuffix(filepath.Clean(dir), unconstrainedSuffix)
}

// Open loads the CA in dir, or makes it there (0700) when there is none, or none that can still be used; made
// tells which. Two processes that make it at once end with the same one. The CA is name-constrained unless dir is
// what Unconstrained gave.
func Open(dir string) (ca *CA, made bool, err error) {
	ca, why, err := open(dir, ".")
	return ca, why != "", err
}

// OpenAnyway is Open that ends with a CA in memory, of the same kind, where none can be kept; saved tells which.
func OpenAnyway(dir string) (ca *CA, saved bool, err error) {
	if ca, _, err = Open(dir); err == nil {
		return ca, true, nil
	}
	ca, err = newCA(isUnconstrained(dir))
	return ca, false, err
}

const caFirst = "there was none"

// open says why a CA was made; nothing for one that was there.
func open(dir, project string) (ca *CA, why string, err error) {
	if ca, err := load(dir, project); err == nil { // without a lock: a CA that is there may be in a folder that is not ours to write
		return ca, "", nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("making the directory of the development CA: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, ".lock"))
	if err != nil {
		return nil, "", err
	}
	defer unlock()

	path := filepath.Join(dir, issuerFile)
	ca, err = load(dir, project)
	switch unusable, _ := errors.AsType[errUnusable](err); {
	case err == nil:
		return ca, "", nil
	case unusable != "":
		if err := os.Rename(path, path+".bad"); err != nil {
			return nil, "", fmt.Errorf("setting the unusable development CA aside: %w", err)
		}
		why = "the old one " + string(unusable) + " and is kept as " + issuerFile + ".bad"
	case errors.Is(err, os.ErrNotExist):
		why = caFirst
	default:
		return nil, "", err
	}

	if ca, err = newCA(isUnconstrained(dir)); err != nil {
		return nil, "", err
	}
	data, err := ca.marshal()
	if err != nil {
		return nil, "", err
	}
	if err := errors.Join(WriteFile(path, data, 0o600), WriteFile(filepath.Join(dir, RootFile), ca.RootPEM(), 0o644)); err != nil {
		return nil, "", fmt.Errorf("keeping the development CA: %w", err)
	}
	return ca, why, nil
}

// errUnusable says why a CA that is there cannot go on: "is …", "has …".
type errUnusable string

func (e errUnusable) Error() string { return "the development CA " + string(e) }

// load reads the CA in dir. project is where to look for files that tell whether the clock is right.
func load(dir, project string) (*CA, error) {
	path := filepath.Join(dir, issuerFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the development CA: %w", err)
	}
	ca, err := parse(data)
	if err != nil {
		return nil, errUnusable("was corrupt")
	}
	now := time.Now()
	switch {
	case ca.constrained() == isUnconstrained(dir):
		return nil, errUnusable("was not limited as this directory's must be")
	case ca.issuer.NotAfter.Sub(now) < leafLifetime:
		return nil, errUnusable("was near its end") // it would expire before the leaves it signs
	case ca.fromFuture(now) && clockBehind(now, project) == "":
		return nil, errUnusable("was from the future") // made when the clock was ahead
	}
	// The public copy is only for people and trust stores; a missing one is put back.
	return ca, errors.Join(protect(path), writeOnce(filepath.Join(dir, RootFile), ca.RootPEM(), 0o644))
}

// New makes a CA in memory. Its root key is gone when New returns.
func New() (*CA, error) { return newCA(false) }

func newCA(unconstrained bool) (*CA, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root, err := sign(caTemplate("root", rootKey, 1, unconstrained), nil, rootKey.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("signing the development root: %w", err)
	}
	issuer, err := sign(caTemplate("intermediate", key, 0, unconstrained), root, key.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("signing the development intermediate: %w", err)
	}
	return &CA{root: root, issuer: issuer, key: key}, nil
}

// Root is the certificate to trust.
func (ca *CA) Root() *x509.Certificate { return ca.root }

// RootPEM is Root, PEM encoded.
func (ca *CA) RootPEM() []byte { return certPEM(ca.root) }

// Permits says whether the CA may sign for a DNS name or IP address. One name outside the constraints makes
// clients refuse a whole certificate, so ask before you issue.
func (ca *CA) Permits(name string) bool {
	if !ca.constrained() {
		return true
	}
	if ip := net.ParseIP(name); ip != nil {
		return slices.ContainsFunc(ca.issuer.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip) })
	}
	return slices.ContainsFunc(ca.issuer.PermittedDNSDomains, func(zone string) bool {
		return name == zone || strings.HasSuffix(name, "."+zone)
	})
}

// Issue signs a server certificate for DNS names and IP addresses, with a fresh key. The chain is leaf and
// intermediate; the root stays out, as clients have it.
func (ca *CA) Issue(names []string) (chainPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{Organization}, CommonName: "development certificate"},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(leafLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Written out as CA:FALSE, which Firefox wants to see on a server's certificate.
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if !ca.Permits(name) {
			return nil, nil, fmt.Errorf("the development CA may not sign %q: it is limited to private names and addresses", name)
		}
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	leaf, err := sign(template, ca.issuer, key.Public(), ca.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing the development certificate: %w", err)
	}
	if keyPEM, err = marshalKey(key); err != nil {
		return nil, nil, err
	}
	return append(certPEM(leaf), certPEM(ca.issuer)...), keyPEM, nil
}

func (ca *CA) constrained() bool {
	return len(ca.root.PermittedDNSDomains) > 0 && len(ca.root.PermittedIPRanges) > 0 &&
		len(ca.issuer.PermittedDNSDomains) > 0 && len(ca.issuer.PermittedIPRanges) > 0
}

func (ca *CA) fromFuture(now time.Time) bool { return now.Before(ca.issuer.NotBefore) }

// Issued says whether this CA signed the leaf.
func (ca *CA) Issued(leaf *x509.Certificate) bool { return leaf.CheckSignatureFrom(ca.issuer) == nil }

func caTemplate(tier string, key *ecdsa.PrivateKey, pathLen int, unconstrained bool) *x509.Certificate {
	now := time.Now()
	kind := "dev"
	if unconstrained {
		kind = "dev unconstrained" // who looks through a trust store should see it
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		// The key's fingerprint keeps names apart: two CAs of one name and different keys confuse browsers,
		// and iOS lists only roots that have a common name.
		Subject: pkix.Name{
			Organization: []string{Organization},
			CommonName:   fmt.Sprintf("Turnkey %s %s %s %s %s", kind, tier, hostname(), now.Format("2006-01-02"), fingerprint(key)),
		},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            pathLen,
		MaxPathLenZero:        pathLen == 0,
	}
	if !unconstrained {
		template.PermittedDNSDomainsCritical = true
		template.PermittedDNSDomains = append(slices.Clone(permittedDNS), ownName()...)
		template.PermittedIPRanges = permittedIP
	}
	return template
}

// ownName is this machine's name when it has a single label: such a name is never public, and people type it.
func ownName() []string {
	if h := hostname(); h != "" && !strings.Contains(h, ".") && !slices.Contains(permittedDNS, h) {
		return []string{h}
	}
	return nil
}

func sign(template, parent *x509.Certificate, pub crypto.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func (ca *CA) marshal() ([]byte, error) {
	key, err := marshalKey(ca.key)
	if err != nil {
		return nil, err
	}
	return slices.Concat(certPEM(ca.root), certPEM(ca.issuer), key), nil
}

// parse is marshal's inverse.
func parse(data []byte) (*CA, error) {
	var certs []*x509.Certificate
	var key *ecdsa.PrivateKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, err
			}
			certs = append(certs, cert)
		case "PRIVATE KEY":
			k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			key, _ = k.(*ecdsa.PrivateKey)
		}
	}
	if len(certs) != 2 || key == nil || !key.PublicKey.Equal(certs[1].PublicKey) {
		return nil, errors.New("not a root, an intermediate and its key")
	}
	if err := certs[1].CheckSignatureFrom(certs[0]); err != nil {
		return nil, err
	}
	return &CA{root: certs[0], issuer: certs[1], key: key}, nil
}

func marshalKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// serial is 127 random bits: positive, and within RFC 5280's 20 bytes.
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails since Go 1.24
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

func fingerprint(key *ecdsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "unknown"
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:4])
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return ""
	}
	return strings.ToLower(h)
}

func parseCIDRs(cidrs ...string) []*net.IPNet {
	var out []*net.IPNet
	for _, c := range cidrs {
		_, n, err := net.ParseCIDR(c)
		if err != nil {
			panic(err)
		}
		out = append(out, n)
	}
	return out
}
