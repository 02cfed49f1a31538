package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// table has the figures of the tests, for `make fleet`.
var table struct {
	mu   sync.Mutex
	rows []string
}

// record adds a row to the table.
func record(t *testing.T, what, format string, args ...any) {
	row := fmt.Sprintf("%-86s %s", what, fmt.Sprintf(format, args...))
	t.Log(row)
	table.mu.Lock()
	defer table.mu.Unlock()
	table.rows = append(table.rows, row)
	text := ""
	for _, row := range table.rows {
		text += row + "\n"
	}
	artifacts := filepath.Join("..", "artifacts")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(artifacts, "fleet.txt"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
