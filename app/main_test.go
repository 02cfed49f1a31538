package main

import (
	"os"
	"testing"
)

// TestMain also is the program itself and the server of BenchmarkChain, each in a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("TURNKEY_TEST_MAIN") != "" {
		main()
	}
	if kind := os.Getenv("TURNKEY_BENCH_SERVER"); kind != "" && benchServer != nil {
		benchServer(kind)
		return
	}
	os.Exit(m.Run())
}

var benchServer func(kind string)
