package localca

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Dir returns the directory of a user's CA. All projects that began from this template share it, so that the user
// trusts one CA once. getenv is usually os.Getenv. With DEV_CA_CONSTRAINTS=off it is the directory of a CA without name
// constraints; see Unconstrained. Under sudo it is the invoking user's. The error says that there is no home directory.
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

// Unconstrained returns the directory, beside dir, of a CA that may sign for any name, for those who must develop under
// public names. With the key of such a CA any site can be imitated to a browser that trusts it.
func Unconstrained(dir string) string { return filepath.Clean(dir) + unconstrainedSuffix }

func isUnconstrained(dir string) bool {
	return strings.HasSuffix(filepath.Clean(dir), unconstrainedSuffix)
}

// Open loads the CA in dir. If there is none, or none that can still be used, it makes one there (0700), and made is
// true. Two processes that make it at the same time end with the same CA. The CA is name-constrained unless
// Unconstrained returned dir.
func Open(dir string) (ca *CA, made bool, err error) {
	ca, why, err := open(dir, ".")
	return ca, why != "", err
}

// OpenAnyway is Open that makes a CA of the same kind in memory if none can be saved. saved is false then.
func OpenAnyway(dir string) (ca *CA, saved bool, err error) {
	if ca, _, err = Open(dir); err == nil {
		return ca, true, nil
	}
	ca, err = newCA(isUnconstrained(dir))
	return ca, false, err
}

const caFirst = "there was none"

// open is Open that returns why it made a CA. why is empty for one that was there.
func open(dir, project string) (ca *CA, why string, err error) {
	// Without a lock, because this user may not be allowed to write into the folder of a CA that is there.
	if ca, err := load(dir, project); err == nil {
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
	err = errors.Join(WriteFile(path, data, 0o600), WriteFile(filepath.Join(dir, RootFile), ca.RootPEM(), 0o644))
	if err != nil {
		return nil, "", fmt.Errorf("keeping the development CA: %w", err)
	}
	return ca, why, nil
}

// errUnusable says why a CA that is there cannot be used: "was …".
type errUnusable string

func (e errUnusable) Error() string { return "the development CA " + string(e) }

// load reads the CA in dir. project is a directory whose files tell whether the clock is right.
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
	// The public copy is only for people and trust stores. A missing one is written again.
	return ca, errors.Join(protect(path), writeOnce(filepath.Join(dir, RootFile), ca.RootPEM(), 0o644))
}

func (ca *CA) marshal() ([]byte, error) {
	key, err := marshalKey(ca.key)
	if err != nil {
		return nil, err
	}
	return slices.Concat(certPEM(ca.root), certPEM(ca.issuer), key), nil
}

// parse is the inverse of marshal.
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
