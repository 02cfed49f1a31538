package main

import (
	"os"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/handlers"
)

// TestMain also is the program itself, with the site of these tests, and the server of BenchmarkChain, each in a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("TURNKEY_TEST_MAIN") != "" {
		p := testSite()
		if os.Getenv("TURNKEY_TEST_ROUTES") == "limit" && limitRoutes != nil {
			p.routes = limitRoutes
		}
		os.Exit(execute(p))
	}
	if kind := os.Getenv("TURNKEY_BENCH_SERVER"); kind != "" && benchServer != nil {
		benchServer(kind)
		return
	}
	os.Exit(m.Run())
}

// limitRoutes are those of the process that has few file descriptors.
var limitRoutes func(*gin.Engine, handlers.Site)

var benchServer func(kind string)
