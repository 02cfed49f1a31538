package command_test

import (
	"flag"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
)

// TestMain can also run as the program itself with the site of these tests, in a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("TURNKEY_TEST_MAIN") != "" {
		site := command.Sample()
		site.Commands = []kit.Command{waitCommand}
		if os.Getenv("TURNKEY_TEST_ROUTES") == "limit" && limitRoutes != nil {
			site.Routes = limitRoutes
		}
		os.Exit(command.Run(site))
	}
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		parallel.Value.Set(pick(hasRaceDetector(), "6", "16")) // most of these tests wait for a timeout or a stop
	}
	os.Exit(m.Run())
}

// hasRaceDetector reports whether this code takes several times as long as usual.
func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// limitRoutes are the routes of the process that has few file descriptors.
var limitRoutes func(*gin.Engine, kit.Server) error
