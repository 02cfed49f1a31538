package truststore

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Detect finds the stores of this machine. caDir is the CA's directory; root may be nil to remove only.
func Detect(ctx context.Context, h *Host, caDir string, root *Root) ([]Store, error) {
	switch h.OS {
	case "windows":
		return []Store{h.certstore(root, "certutil.exe")}, nil
	case "darwin":
		return []Store{h.keychain(root)}, nil
	}
	if h.Getenv("HOME") == "" {
		return nil, errors.New("HOME is not set, so the browsers' files cannot be found; set it and try again")
	}
	st, err := openState(caDir)
	if err != nil {
		return nil, err
	}
	var stores []Store
	dbs := h.databases()
	for _, dir := range slices.Sorted(maps.Keys(st.Databases)) {
		if !slices.ContainsFunc(dbs, func(db database) bool { return db.dir == dir }) && root == nil {
			dbs = append(dbs, database{"a browser, found earlier", dir, chromium})
		}
	}
	for _, db := range dbs {
		stores = append(stores, &nss{db, h, root, st})
	}
	if !slices.ContainsFunc(dbs, func(db database) bool { return db.family == firefox }) &&
		(installed("firefox") || installed("firefox-esr")) {
		stores = append(stores, unstarted{})
	}
	if windows := h.wsl(ctx, root); windows != nil {
		stores = append(stores, windows)
	}
	return append(stores, h.system(root)), nil
}

// unstarted is a Firefox without a profile and so without a database. Only Firefox can make a profile.
type unstarted struct{}

func (unstarted) Info() Info {
	return Info{"Firefox", "no profile yet", User,
		"start Firefox once"}
}
func (unstarted) Restart() string                        { return "" }
func (unstarted) Remove(context.Context) (string, error) { return "", nil }
func (unstarted) Add(context.Context) error              { return nil }
func (unstarted) Has(context.Context) (bool, error) {
	return false, &Blocked{"it was never started, and trust is kept in its profile",
		"start Firefox once, then: make trust"}
}
