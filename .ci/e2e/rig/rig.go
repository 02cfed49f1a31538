// Package rig builds and runs the product, and starts real parts for it: an ACME server, a certificate authority,
// clients. It reaches the product by environment, ports and files only.
package rig

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// root is the product's repository, relative to the directory of a test package, where go test runs the tests.
var root = filepath.Join("..", "..", "..")

// tools is the directory of this run's binaries.
var tools string

// parallel is how many tests run at once. It is above the number of processors, because the tests mostly wait.
const parallel = 8

// Main is the TestMain of every package here.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", fmt.Sprint(parallel))
	}
	dir, err := os.MkdirTemp("", "turnkey-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o755) // some tests run the product as another user
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a directory for binaries:", err)
		return 1
	}
	tools = dir
	if _, err := buildProduct(); err != nil { // reported once, not by each test
		fmt.Fprintln(os.Stderr, "building the product:", err)
		return 1
	}
	return m.Run()
}

// Eventually waits until ok returns true. After timeout it fails the test with what.
func Eventually(t testing.TB, timeout time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(timeout); ; time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s still waiting for: %s", timeout, what)
		}
	}
}

// Write writes a file and makes its directories.
func Write(t testing.TB, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// Read returns a file's content.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
