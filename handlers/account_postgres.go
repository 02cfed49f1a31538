//go:build ignore

package handlers

// Users and sessions in Postgres, in place of the file and of Redis, for any number of servers. SESSION_STORE names it,
// or the variables of libpq do (PGHOST, PGDATABASE and so on), in tests too. A server that is away stops the start.
// These commands put it in:
//
//	go get github.com/jackc/pgx/v5 github.com/alexedwards/scs/postgresstore
//	rm handlers/account_file*.go handlers/account_redis*.go handlers/account_store.go
//	sed -i.bak 1,2d handlers/account_postgres.go && rm handlers/*.bak && go mod tidy
//
// Each user is a row, to which rows of yours can refer: email text REFERENCES users.

import (
	"database/sql"

	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/v2"
	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/turnkey/app/kit"
)

var storeSettings = []kit.Setting{{Name: "SESSION_STORE", About: "A Postgres URL. If unset: PGHOST.", Secret: true}}

type accountsSQL struct{ *sql.DB }

func openAccounts(p kit.Program) (userStore, scs.Store, error) {
	db, err := sql.Open("pgx", p.Setting("SESSION_STORE"))
	if err == nil { // two servers that create a table at once would fail without the lock
		_, err = db.Exec(`SELECT pg_advisory_xact_lock(8443);
			CREATE TABLE IF NOT EXISTS users (email text PRIMARY KEY, data text NOT NULL);
			CREATE TABLE IF NOT EXISTS sessions (token text PRIMARY KEY, data bytea NOT NULL, expiry timestamptz NOT NULL)`)
	}
	return accountsSQL{db}, postgresstore.New(db), err
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
	err = s.QueryRow("SELECT coalesce(json_agg(data::json), '[]') FROM users").Scan(&array)
	return array, err
}
