// Package rig builds the product, runs it as its owner would, and surrounds it with real parts: an ACME server, a
// certificate authority, visitors. It reaches the product by environment, ports and files, and by nothing else.
package rig

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// root is the product's repository, seen from the directory of a test package, where go test runs it.
var root = filepath.Join("..", "..", "..")

// tools is where this run's binaries are.
var tools string

// parallel is how many tests run at once: they wait much more than they compute.
const parallel = 8

// Main is TestMain of every package here.
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
	if _, err := buildProduct(); err != nil { // said once, not by each test
		fmt.Fprintln(os.Stderr, "building the product:", err)
		return 1
	}
	return m.Run()
}

// Eventually waits until ok says true, and fails the test with what it waited for after timeout.
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

// Write puts a file in place, and its directories.
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
