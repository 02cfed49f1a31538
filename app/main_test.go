package main

import (
	"context"
	"os"
	"os/signal"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/handlers"
)

// TestMain also is the program itself and the server of BenchmarkChain, each in a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("TURNKEY_TEST_MAIN") != "" {
		if os.Getenv("TURNKEY_TEST_ROUTES") == "limit" && limitRoutes != nil {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			defer stop()
			os.Exit(run(ctx, program{lookup: os.LookupEnv, routes: limitRoutes, stdout: os.Stdout, stderr: os.Stderr}))
		}
		main()
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
