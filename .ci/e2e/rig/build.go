package rig

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const pebbleModule = "github.com/letsencrypt/pebble/v2/cmd/"

// buildProduct and buildDoctor build the programs of make build, once per run.
var (
	buildProduct = sync.OnceValues(func() (string, error) { return build("turnkey", "./app") })
	buildDoctor  = sync.OnceValues(func() (string, error) { return build("doctor", "./scripts/doctor") })
)

// build builds a program of the product, with the race detector when the tests have it.
func build(name, pkg string) (bin string, err error) {
	bin = filepath.Join(tools, name+exe())
	args := []string{"build", "-tags", "nomsgpack", "-o", bin}
	if raceEnabled {
		args = append(args, "-race")
	}
	return bin, goCommand(root, append(args, pkg)...)
}

// buildPebble builds the ACME server and its DNS server, once per run, in go.mod's versions.
var buildPebble = sync.OnceValues(func() (string, error) {
	return tools, goCommand("..", "build", "-o", tools+string(filepath.Separator), pebbleModule+"pebble", pebbleModule+"pebble-challtestsrv")
})

// Binary returns the path of the product's binary.
func Binary(t testing.TB) string {
	t.Helper()
	bin, err := buildProduct()
	if err != nil {
		t.Fatalf("building the product: %v", err)
	}
	return bin
}

// Doctor returns the path of the program that examines a deployed site.
func Doctor(t testing.TB) string {
	t.Helper()
	bin, err := buildDoctor()
	if err != nil {
		t.Fatalf("building the doctor: %v", err)
	}
	return bin
}

// Tool builds one of go.mod's tools, in its version, and returns the path of the program.
func Tool(t testing.TB, pkg string) string {
	t.Helper()
	bin := filepath.Join(tools, path.Base(pkg)+exe())
	if err := goCommand("..", "build", "-o", bin, pkg); err != nil {
		t.Fatalf("building %s: %v", pkg, err)
	}
	return bin
}

// Project is the product's name: the last element of its module's path.
func Project(t testing.TB) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "GOWORK=off") // in a workspace it lists every module
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("reading the product's module path: %v", err)
	}
	return path.Base(strings.TrimSpace(string(out)))
}

func goCommand(dir string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
