//go:build linux

package deploy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// buildah builds the Dockerfile's image without a daemon, and the image runs as its own user in its own file system.
// Only the golang base image is replaced: by this machine's Go, shell and roots, at the paths of that image.
func TestContainerImageServes(t *testing.T) {
	t.Parallel()
	needRoot(t)
	rig.Need(t, "buildah", "unshare", "chroot")
	b := newBuilder(t)
	b.golang(t)
	b.run(t, "build", "--format=docker", "--pull=never", "--volume=/usr:/usr:ro", "--volume="+rig.GoEnv(t, "GOROOT")+":"+rig.GoEnv(t, "GOROOT")+":ro",
		"--volume="+rig.GoEnv(t, "GOMODCACHE")+":/go/pkg/mod:ro",
		"--volume="+rig.GoEnv(t, "GOCACHE")+":/root/.cache/go-build", "--tag=site", b.context)

	b.sendsNoSecrets(t)

	image := b.inspect(t, "site")
	c := image.Docker.Config
	if c.User != "65532:65532" || len(c.Entrypoint) != 1 || len(c.Cmd) != 0 || c.StopSignal != "SIGTERM" {
		t.Errorf("user %q, entrypoint %q, command %q, stop signal %q", c.User, c.Entrypoint, c.Cmd, c.StopSignal)
	}
	for _, want := range []string{"ENV=prod", "HTTPS_ADDR=:8443", "HTTP_ADDR=:8080", "ACME_CACHE=/data", "DATA_DIR=/data/files"} {
		if !slices.Contains(c.Env, want) {
			t.Errorf("no %s in %q", want, c.Env)
		}
	}
	if len(c.Volumes) > 0 || len(c.ExposedPorts) != 2 {
		t.Errorf("volumes %v, which Railway refuses, and ports %v, want 8443 and 8080", c.Volumes, c.ExposedPorts)
	}
	if len(c.Healthcheck.Test) != 3 || c.Healthcheck.Test[0] != "CMD" {
		t.Fatalf("the health check is %q, want a command without a shell", c.Healthcheck.Test)
	}

	fsroot := strings.TrimSpace(b.run(t, "mount", strings.TrimSpace(b.run(t, "from", "--pull=never", "site"))))
	var files []string
	err := filepath.WalkDir(fsroot, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, strings.TrimPrefix(path, fsroot))
		}
		return err
	})
	if want := []string{"/doctor", "/etc/ssl/certs/ca-certificates.crt", c.Entrypoint[0]}; err != nil || !slices.Equal(files, want) {
		t.Errorf("the image holds %q, want %q alone; %v", files, want, err)
	}
	if info, err := os.Stat(fsroot + "/data"); err != nil || info.Mode().Perm() != 0o700 || owner(info) != 65532 {
		t.Errorf("/data is %v, want 0700 and the server's own; %v", info.Mode(), err)
	}
	for _, program := range []string{c.Entrypoint[0], "/doctor"} {
		if info, err := os.Stat(fsroot + program); err != nil || info.Mode().Perm() != 0o755 || owner(info) != 0 {
			t.Errorf("%s is %v, want 0755 and root's; %v", program, info.Mode(), err)
		}
	}

	// A container runtime adds files for host names. The test also adds Pebble's root.
	https, plain := rig.Port(t), rig.Port(t)
	ca := rig.StartPebble(t, rig.PebbleOptions{HTTPPort: plain, TLSPort: https})
	rig.Write(t, fsroot+"/etc/hosts", []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644)
	rig.Write(t, fsroot+"/ca.pem", rig.Read(t, ca.CAFile), 0o644)
	env := append(slices.Clone(c.Env), "DOMAINS="+shop, "ACME_DIRECTORY="+ca.Directory, "ACME_CA_FILE=/ca.pem", "SHUTDOWN_GRACE=2s",
		fmt.Sprintf("HTTPS_ADDR=:%d", https), fmt.Sprintf("HTTP_ADDR=:%d", plain))
	start := func(command ...string) *rig.Process {
		t.Helper()
		return rig.Spawn(t, rig.Command{Path: find(t, "chroot"), Args: append([]string{"--userspec=" + c.User, "--groups=", fsroot}, command...), Env: env})
	}
	health := func() int {
		t.Helper()
		return start(c.Healthcheck.Test[1:]...).Finish(t, 10*time.Second).ExitCode
	}
	if got := health(); got != 1 {
		t.Errorf("the health check of nothing: exit status = %d, want 1", got)
	}
	site := start(c.Entrypoint...)
	visitor := rig.Visitor(ca.Roots(t))
	rig.Eventually(t, 30*time.Second, "a certificate", func() bool {
		got, err := rig.Try(visitor, rig.Request{URL: fmt.Sprintf("https://%s:%d/", shop, https)})
		return err == nil && got.StatusCode == 200
	})
	if got := health(); got != 0 {
		t.Errorf("the health check of the site: exit status = %d, want 0", got)
	}
	// The doctor is in the image too. Its only fault for this site is that browsers do not trust Pebble.
	doctor := start("/doctor", "-json", "-address", "127.0.0.1", "-http-port", fmt.Sprint(plain), fmt.Sprintf("https://%s:%d", shop, https))
	report := doctor.Finish(t, 30*time.Second)
	if report.ExitCode != 1 || strings.Count(report.Stdout, `"status": "wrong"`) != 1 || !strings.Contains(report.Stdout, "no browser trusts it") {
		t.Errorf("the doctor in the image: exit status = %d\n%s%s", report.ExitCode, report.Stdout, report.Stderr)
	}
	// With -p 80:8080 the Host header has no port.
	if got := rig.Ask(t, visitor, rig.Request{URL: fmt.Sprintf("http://%s:%d/a?b", shop, plain), Host: shop}); got.Header.Get("Location") != "https://"+shop+"/a?b" {
		t.Errorf("plain http got %s to %q, want https without a port", got.Status, got.Header.Get("Location"))
	}
	kept, err := filepath.Glob(fsroot + "/data/*")
	if err != nil || len(kept) == 0 {
		t.Errorf("nothing is kept in /data; %v", err)
	}
	site.Signal(t, syscall.SIGTERM)
	if got := site.ExitCode(t, 15*time.Second); got != 0 {
		t.Errorf("exit status = %d, want 0:\n%s", got, site.Stderr())
	}
}

// builder is buildah with its own storage, and the folder to build.
type builder struct {
	storage, context string
}

// newBuilder copies the files that git would commit, and adds secrets that must not get into the image.
func newBuilder(t *testing.T) *builder {
	t.Helper()
	b := &builder{storage: t.TempDir(), context: t.TempDir()}
	for name := range strings.SplitSeq(strings.TrimRight(run(t, root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // removed, and not committed
		}
		rig.Write(t, filepath.Join(b.context, name), data, 0o644)
	}
	for _, name := range secrets {
		rig.Write(t, filepath.Join(b.context, name), []byte("SECRET"), 0o600)
	}
	return b
}

var secrets = []string{".env", ".env.local", "heroku.env", "handlers/.env", "certs/key.pem", "origin.key", "app/server.pem", ".git/config",
	"data/shop.db", "shop.db", "app/shop.db-wal", "handlers/shop.sqlite3"}

// sendsNoSecrets checks the whole build context.
func (b *builder) sendsNoSecrets(t *testing.T) {
	t.Helper()
	all := filepath.Join(t.TempDir(), "Dockerfile")
	rig.Write(t, all, []byte("FROM scratch\nCOPY . /\n"), 0o644)
	b.run(t, "build", "--file="+all, "--tag=context", b.context)
	fsroot := strings.TrimSpace(b.run(t, "mount", strings.TrimSpace(b.run(t, "from", "--pull=never", "context"))))
	if _, err := os.Stat(filepath.Join(fsroot, "go.mod")); err != nil {
		t.Fatal(err)
	}
	for _, name := range secrets {
		if _, err := os.Stat(filepath.Join(fsroot, name)); err == nil {
			t.Errorf("%s is given to the build", name)
		}
	}
}

// run runs buildah in its own mount namespace, so that its mounts are neither visible nor removed outside.
func (b *builder) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(find(t, "unshare"), append([]string{"--mount", "--propagation=private", "buildah", "--storage-driver=vfs",
		"--root=" + filepath.Join(b.storage, "root"), "--runroot=" + filepath.Join(b.storage, "run")}, args...)...)
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("buildah %s: %v\n%s%s\nIt needs root, and in a container the right to mount (--privileged).", args[0], err, out, stderr.String())
	}
	return string(out)
}

// golang makes the base image of the Dockerfile without a registry: Debian's layout with roots, and this machine's /usr
// mounted during the build.
func (b *builder) golang(t *testing.T) {
	t.Helper()
	base := ""
	for line := range strings.Lines(string(rig.Read(t, filepath.Join(root, "Dockerfile")))) {
		if fields := strings.Fields(line); base == "" && len(fields) == 4 && fields[0] == "FROM" && fields[2] == "AS" {
			base = fields[1]
		}
	}
	if !strings.HasPrefix(base, "golang:1.") {
		t.Fatalf("the Dockerfile begins from %q, want golang", base)
	}
	run(t, root, "go", "mod", "download")
	layout := t.TempDir()
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+name, filepath.Join(layout, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"usr", "tmp", "root", "go/pkg/mod"} {
		if err := os.MkdirAll(filepath.Join(layout, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rig.Write(t, filepath.Join(layout, "etc/ssl/certs/ca-certificates.crt"), rig.Read(t, "/etc/ssl/certs/ca-certificates.crt"), 0o644)
	from := strings.TrimSpace(b.run(t, "from", "scratch"))
	b.run(t, "add", from, layout, "/")
	b.run(t, "config", "--env=PATH="+installed(t)+":/usr/bin:/bin", "--env=GOPATH=/go", "--env=GOPROXY=off",
		"--env=GOFLAGS=-modcacherw", "--env=GOTOOLCHAIN=local", "--env=HOME=/root", from)
	b.run(t, "commit", from, "docker.io/library/"+base)
}

// installed is the folder of this machine's own go command, below /usr, as the image has it. It is not the toolchain
// that go.mod's toolchain line made the go command download.
func installed(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "env", "GOROOT")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "bin")
}

// image is what the tests read of buildah inspect.
type image struct {
	Docker struct {
		Config struct {
			User, StopSignal     string
			Entrypoint, Cmd, Env []string
			Volumes              map[string]struct{}
			ExposedPorts         map[string]struct{}
			Healthcheck          struct{ Test []string }
		} `json:"config"`
	}
}

func (b *builder) inspect(t *testing.T, name string) (i image) {
	t.Helper()
	if err := json.Unmarshal([]byte(b.run(t, "inspect", "--type=image", name)), &i); err != nil {
		t.Fatal(err)
	}
	return i
}

func owner(info fs.FileInfo) int {
	uid, _ := strconv.Atoi(fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid))
	return uid
}
