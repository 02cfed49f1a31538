package handlers

import (
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alexedwards/scs/v2"

	"example.com/turnkey/app/kit"
)

var storeSettings = []kit.Setting{{Name: "SESSION_STORE", Check: checkStore, Secret: true,
	About: "A Redis URL for users and sessions. If unset: the Redis of ACME_CACHE, else a file in DATA_DIR. " +
		"Heroku and Cloud Run lose that file. ACME_CACHE_CA_FILE is for both servers."}}

// openAccounts opens the store of accounts and sessions: the Redis server of SESSION_STORE or ACME_CACHE, which all
// replicas share, or else a file. account_sqlite.go and account_postgres.go are recipes that replace it.
func openAccounts(p kit.Program) (userStore, scs.Store, error) {
	for _, setting := range []string{"SESSION_STORE", "ACME_CACHE"} {
		if store := p.Setting(setting); checkStore(store) == nil {
			roots, err := storeRoots(p.Setting("ACME_CACHE_CA_FILE"))
			if err != nil {
				return nil, nil, err
			}
			domain, _, _ := strings.Cut(p.Setting("DOMAINS"), ",")
			r, err := openRedis(setting, store, strings.TrimSpace(domain), roots)
			return r, r.sessions(), err
		}
	}
	dir, err := p.DataDir()
	if err != nil {
		return nil, nil, err
	}
	f, err := openFile(filepath.Join(dir, "accounts.db"))
	return f, f, err
}

// checkStore returns what is wrong with the URL of a Redis or Valkey server.
func checkStore(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || !slices.Contains([]string{"redis", "rediss", "valkey", "valkeys"}, u.Scheme) {
		return errors.New("has to begin with redis://, rediss://, valkey:// or valkeys://, and to name a host")
	}
	return nil
}
