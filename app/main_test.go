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
		os.Exit(execute(func() program {
			p := testSite()
			if os.Getenv("TURNKEY_TEST_ROUTES") == "limit" && limitRoutes != nil {
				p.routes = limitRoutes
			}
			madeWith = os.Getenv("TURNKEY_TEST_DOTENV")
			return p
		}))
	}
	if kind := os.Getenv("TURNKEY_BENCH_SERVER"); kind != "" && benchServer != nil {
		benchServer(kind)
		return
	}
	os.Exit(m.Run())
}

// limitRoutes are those of the process that has few file descriptors.
var limitRoutes func(*gin.Engine, handlers.Site)

// madeWith is what the site's maker read of the environment, in the process that is the program.
var madeWith string

var benchServer func(kind string)
