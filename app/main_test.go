package main

import (
	"os"
	"testing"
)

// TestMain also is the server of BenchmarkChain, in a process of its own.
func TestMain(m *testing.M) {
	if kind := os.Getenv("TURNKEY_BENCH_SERVER"); kind != "" && benchServer != nil {
		benchServer(kind)
		return
	}
	os.Exit(m.Run())
}

var benchServer func(kind string)
