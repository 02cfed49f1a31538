package handlers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	_ "modernc.org/sqlite"

	"example.com/you/shop/app/kit"
)

const schema = `
CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
	price INTEGER NOT NULL CHECK (price > 0), stock INTEGER NOT NULL CHECK (stock >= 0), picture TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS carts (cart TEXT NOT NULL, product INTEGER NOT NULL REFERENCES products,
	count INTEGER NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (cart, product));
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, email TEXT NOT NULL, content TEXT NOT NULL,
	total INTEGER NOT NULL);`

type cents int64

func (c cents) String() string { return fmt.Sprintf("€ %d.%02d", c/100, c%100) }

type product struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Price   cents  `json:"price"`
	Stock   int    `json:"stock"`
	Picture string `json:"picture"` // a file's name, or empty
}

type cartLine struct {
	product
	Count int
}

func (l cartLine) Total() cents { return l.Price * cents(l.Count) }

type order struct {
	ID      int64  `json:"id"`
	Content string `json:"content"`
	Total   cents  `json:"total"`
}

// store is the shop's database. It is safe for concurrent use, by several processes too.
type store struct{ *sql.DB }

func openStore(p kit.Program) (s store, dir string, err error) {
	if dir, err = p.DataDir(); err != nil {
		return s, "", err
	}
	file := filepath.Join(dir, "shop.db")
	s.DB, err = sql.Open("sqlite", file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	if err == nil {
		_, err = s.Exec(schema)
	}
	return s, dir, err
}

func (s store) products(ctx context.Context) ([]product, error) {
	return all(ctx, s, func(p *product) []any { return []any{&p.ID, &p.Name, &p.Price, &p.Stock, &p.Picture} },
		`SELECT id, name, price, stock, picture FROM products ORDER BY name`)
}

func (s store) addProduct(ctx context.Context, p product) error {
	return s.insert(ctx, kit.Invalid("name", "is that of another product"), `INSERT INTO products
		(name, price, stock, picture) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`,
		p.Name, p.Price, p.Stock, p.Picture)
}

func (s store) cart(ctx context.Context, cart string) ([]cartLine, error) {
	return all(ctx, s, func(l *cartLine) []any { return []any{&l.ID, &l.Name, &l.Price, &l.Count} },
		`SELECT id, name, price, count FROM carts JOIN products ON id = product WHERE cart = ? ORDER BY name`, cart)
}

func (s store) fillCart(ctx context.Context, cart string, in cartInput) error {
	return s.insert(ctx, kit.Invalid("product", "is not sold here"), `INSERT INTO carts
		SELECT ?, id, ?, unixepoch() FROM products WHERE id = ?
		ON CONFLICT DO UPDATE SET count = count + excluded.count, changed = excluded.changed`, cart, in.Count, in.Product)
}

// order makes an order of a cart, takes it from the stock, and empties the cart. It does all of it or nothing.
func (s store) order(ctx context.Context, email, cart string) (o order, err error) {
	tx, err := s.BeginTx(ctx, nil)
	if err != nil {
		return o, err
	}
	defer tx.Rollback()
	err = tx.QueryRowContext(ctx, `INSERT INTO orders (email, content, total)
		SELECT ?, group_concat(count || ' × ' || name, ', '), sum(count * price)
		FROM carts JOIN products ON id = product WHERE cart = ? GROUP BY cart HAVING min(stock - count) >= 0
		RETURNING id, content, total`, email, cart).Scan(&o.ID, &o.Content, &o.Total)
	if errors.Is(err, sql.ErrNoRows) {
		return o, kit.Status(409, "The cart is empty, or there is less in stock")
	} else if err != nil {
		return o, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE products SET stock = stock - count FROM carts
		WHERE product = products.id AND cart = ?1;
		DELETE FROM carts WHERE cart = ?1`, cart)
	if err != nil {
		return o, err
	}
	return o, tx.Commit()
}

// orders returns those of a customer, the newest first.
func (s store) orders(ctx context.Context, email string) ([]order, error) {
	return all(ctx, s, func(o *order) []any { return []any{&o.ID, &o.Content, &o.Total} },
		`SELECT id, content, total FROM orders WHERE email = ? ORDER BY id DESC`, email)
}

// insert returns refusal if the query inserts nothing.
func (s store) insert(ctx context.Context, refusal error, query string, args ...any) error {
	result, err := s.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); n > 0 || err != nil {
		return err
	}
	return refusal
}

// all returns the rows of a query. columns says where the columns of a row go.
func all[T any](ctx context.Context, s store, columns func(*T) []any, query string, args ...any) ([]T, error) {
	rows, err := s.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		var row T
		if err := rows.Scan(columns(&row)...); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}
