package site

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// modules is the folder of the packages in package-lock.json, installed again when the lock is newer. No scripts run at
// the installation, since some would download more.
var modules = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("node_modules")
	if err != nil {
		return "", err
	}
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		return "", err
	}
	if done, err := os.Stat(filepath.Join(dir, ".package-lock.json")); err == nil && !done.ModTime().Before(lock.ModTime()) {
		return dir, nil
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return dir, cmd.Run()
})

// module returns the path of a file that npm has installed.
func module(t *testing.T, path string) string {
	t.Helper()
	dir, err := modules()
	if err != nil {
		t.Fatalf("npm ci: %v; npm comes with the package npm", err)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// node runs a script and reads the JSON that it prints. The script can reach only sites and this machine, and it trusts
// root. The tools need a newer Node.js than many systems have, so the tests install one with the tools.
func node(t *testing.T, sites rig.Sites, root string, result any, args ...string) {
	t.Helper()
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	found, err := json.Marshal(sites)
	if err != nil {
		t.Fatal(err)
	}
	got := rig.Spawn(t, rig.Command{
		Path: module(t, "node-"+runtime.GOOS+"-"+arch+"/bin/node"),
		Args: append([]string{"--require", "./loopback.cjs"}, args...),
		Env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "NODE_EXTRA_CA_CERTS=" + root, "SITES=" + string(found)},
	}).Finish(t, 3*time.Minute)
	if err := json.Unmarshal([]byte(got.Stdout), result); got.ExitCode != 0 || err != nil {
		t.Fatalf("node %s: exit status %d, %v\n%s", strings.Join(args, " "), got.ExitCode, err, got.Stderr)
	}
}
