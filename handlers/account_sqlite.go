//go:build ignore

package handlers

// Users and sessions in SQLite, in place of the file and of Redis: in users.db of DATA_DIR, for one server. The driver
// needs no C compiler, and adds 4 MB to the binary. These commands put it in:
//
//	go get modernc.org/sqlite github.com/alexedwards/scs/sqlite3store
//	rm handlers/account_file*.go handlers/account_redis*.go handlers/account_store.go
//	sed -i.bak 1,2d handlers/account_sqlite.go && rm handlers/*.bak && go mod tidy
//
// Each user is a row, to which rows of yours can refer: email TEXT REFERENCES users.

import (
	"database/sql"
	"errors"
	"path/filepath"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	_ "modernc.org/sqlite"

	"example.com/turnkey/app/kit"
)

var storeSettings []kit.Setting // none: the file is in DATA_DIR

type accountsSQL struct{ *sql.DB }

func openAccounts(p kit.Program) (userStore, scs.Store, error) {
	dir, dirErr := p.DataDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "users.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)")
	if err = errors.Join(dirErr, err); err == nil {
		_, err = db.Exec(`CREATE TABLE IF NOT EXISTS users (email TEXT PRIMARY KEY, data TEXT NOT NULL);
			CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)`)
	}
	return accountsSQL{db}, sqlite3store.New(db), err
}

func (s accountsSQL) get(email string) (data string, err error) {
	err = s.QueryRow("SELECT data FROM users WHERE email=$1", email).Scan(&data)
	return data, err
}

func (s accountsSQL) create(email, data string) error {
	return s.QueryRow("INSERT INTO users VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1", email, data).Scan(new(int))
}

func (s accountsSQL) replace(email, old, data string) error {
	return s.QueryRow("UPDATE users SET data=$3 WHERE email=$1 AND data=$2 RETURNING 1", email, old, data).Scan(new(int))
}

func (s accountsSQL) list() (array string, err error) {
	err = s.QueryRow("SELECT json_group_array(json(data)) FROM users").Scan(&array)
	return array, err
}
