package localca

import (
	"bytes"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"example.com/turnkey/tlsconfig/chain"
	"example.com/turnkey/tlsconfig/osfile"
)

const (
	// issuerFile holds root certificate, intermediate certificate and intermediate key. It is one file, so that a crash
	// cannot leave a part of the three.
	issuerFile = "issuer.pem"

	// unconstrainedSuffix ends the name of a directory whose CA has no name constraints. Only the name decides, so that
	// the two kinds of CA cannot be confused.
	unconstrainedSuffix = "-unconstrained"
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

// userDataDir returns the directory that the operating system's convention gives for a user's data.
func userDataDir(getenv func(string) string, name string) (string, error) {
	home := getenv("HOME")
	switch {
	case runtime.GOOS == "windows" && getenv("LocalAppData") != "":
		return filepath.Join(getenv("LocalAppData"), name), nil
	case runtime.GOOS == "windows":
		return "", errors.New("LocalAppData is not set")
	case runtime.GOOS == "darwin" && home != "":
		return filepath.Join(home, "Library", "Application Support", name), nil
	case filepath.IsAbs(getenv("XDG_DATA_HOME")):
		return filepath.Join(getenv("XDG_DATA_HOME"), name), nil
	case home != "":
		return filepath.Join(home, ".local", "share", name), nil
	}
	return "", errors.New("HOME is not set")
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
	err = errors.Join(osfile.Write(path, data, 0o600), osfile.Write(filepath.Join(dir, RootFile), ca.RootPEM(), 0o644))
	if err != nil {
		return nil, "", fmt.Errorf("keeping the development CA: %w", err)
	}
	return ca, why, nil
}

// errUnusable says why an existing CA cannot be used: "was …".
type errUnusable string

func (e errUnusable) Error() string { return "the development CA " + string(e) }

// load reads the CA in dir. project is a directory whose files tell whether the clock is right.
func load(dir, project string) (*CA, error) {
	path := filepath.Join(dir, issuerFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the development CA: %w", err)
	}
	ca, now := parse(data), time.Now()
	switch {
	case ca == nil:
		return nil, errUnusable("was corrupt")
	case ca.constrained() == isUnconstrained(dir):
		return nil, errUnusable("was not limited as this directory's must be")
	case ca.issuer.NotAfter.Sub(now) < leafLifetime:
		return nil, errUnusable("was near its end") // it would expire before the leaves it signs
	case ca.fromFuture(now) && clockBehind(now, project) == "":
		return nil, errUnusable("was not valid yet") // made when the clock was ahead
	}
	err = protect(path)
	// The public copy is only for people and trust stores. A missing one is written again.
	rootFile := filepath.Join(dir, RootFile)
	if have, readErr := os.ReadFile(rootFile); readErr != nil || !bytes.Equal(have, ca.RootPEM()) {
		err = errors.Join(err, osfile.Write(rootFile, ca.RootPEM(), 0o644))
	}
	return ca, err
}

func (ca *CA) marshal() ([]byte, error) {
	key, err := marshalKey(ca.key)
	return slices.Concat(certPEM(ca.root), certPEM(ca.issuer), key), err
}

// parse is the inverse of marshal. It returns nil for anything but a root, an intermediate and its key.
func parse(data []byte) *CA {
	pair := chain.Read(data, data)
	key, ok := pair.Key.(*ecdsa.PrivateKey)
	if !ok || len(pair.Certs) != 2 || len(pair.Problems) > 0 {
		return nil
	}
	ca := &CA{root: pair.Certs[0], issuer: pair.Certs[1], key: key}
	if !key.PublicKey.Equal(ca.issuer.PublicKey) || ca.issuer.CheckSignatureFrom(ca.root) != nil {
		return nil
	}
	return ca
}

// protect makes a key file unreadable for other users.
func protect(path string) error {
	if mode, ok := osfile.Mode(path); !ok || mode == 0o600 {
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("protecting the key: %w", err)
	}
	return nil
}

const (
	lockWait  = 10 * time.Second
	lockStale = 5 * time.Second // a process holds the lock for milliseconds
)

// lock waits until it can create a lock file. It takes over one that a killed process left behind.
func lock(path string) (unlock func(), err error) {
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			f.Close()
			return func() { os.Remove(path) }, nil
		}
		if !errors.Is(err, os.ErrExist) && !(runtime.GOOS == "windows" && errors.Is(err, os.ErrPermission)) {
			return nil, fmt.Errorf("locking: %w", err)
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > lockStale {
			os.Remove(path)
		}
		if time.Since(start) > lockWait {
			return nil, fmt.Errorf("another process holds %s; if none runs, remove that file", path)
		}
	}
}
