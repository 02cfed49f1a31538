//go:build linux

package windows

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// Times that a busy machine may take.
const (
	bootTime = time.Minute
	runTime  = 30 * time.Second
)

// wine is a Windows of its own: registry, drive C: and the programs of the project in a folder whose path has spaces.
type wine struct {
	clean  int // programs that Ctrl-C has ended as it should
	loader string
	prefix string
	bin    string
	env    []string
}

// boot makes a Windows and builds the programs for it. Every program in it ends with the test.
func boot(t *testing.T) *wine {
	t.Helper()
	w := &wine{loader: rig.Need(t, "wine", "wineserver", "x86_64-w64-mingw32-as", "x86_64-w64-mingw32-ld"), prefix: filepath.Join(t.TempDir(), "wine"),
		bin: filepath.Join(t.TempDir(), "Program Files (our own)")}
	w.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "WINEPREFIX=" + w.prefix, "WINEDEBUG=-all", "TMPDIR=" + t.TempDir()}
	built := make(chan error, 1)
	go func() { built <- w.build() }()
	if err := os.Mkdir(w.prefix, 0o755); err != nil {
		t.Fatal(err)
	}
	// One server, in the foreground (-f) and without an end of its own (-p), from before the first program to after the last.
	server := rig.Spawn(t, rig.Command{Path: rig.Need(t, "wineserver"), Args: []string{"-f", "-p"}, Env: w.env})
	t.Cleanup(func() {
		w.native(t, "wineserver", "-k") // with every program of this Windows
		server.ExitCode(t, runTime)
	})
	rig.Eventually(t, runTime, "Wine's server", func() bool { _, err := os.Stat(filepath.Join(w.prefix, "wineserver")); return err == nil })
	// The first program makes the prefix. wineboot -i would make it twice, and leave a second set of services.
	boot := rig.Command{Path: w.loader, Args: []string{"cmd", "/c", "exit 0"}, Env: append([]string{
		"WINEDLLOVERRIDES=mscoree,mshtml=", // it would ask to download Mono and Gecko
	}, w.env...)}
	if code := rig.Spawn(t, boot).ExitCode(t, bootTime); code != 0 {
		t.Fatalf("making a Windows ended with %d", code)
	}
	w.addPrng(t)
	if err := <-built; err != nil {
		t.Fatal("building for Windows: ", err)
	}
	return w
}

// forWindows is what the go command builds for.
var forWindows = []string{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"}

// build builds the programs. A build with the race detector would need a compiler of C for Windows.
func (w *wine) build() error {
	root := filepath.Join("..", "..", "..")
	for dir, packages := range map[string][]string{
		root: {"-tags", "nomsgpack", "./app", "./scripts/dev", "./scripts/doctor", "./scripts/trust"},
		".":  {"./testdata/go", "./testdata/rootstore"},
	} {
		cmd := exec.Command("go", append([]string{"build", "-o", w.bin + "/"}, packages...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), forWindows...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	return nil
}

// addPrng adds the DLL that Go takes random numbers from and Wine 8 does not have. It only forwards to the function of
// advapi32 that is known as RtlGenRandom and takes the same arguments, so it needs a linker and no compiler.
func (w *wine) addPrng(t *testing.T) {
	t.Helper()
	dll := w.c("windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(dll); err == nil {
		return
	}
	dir := t.TempDir()
	rig.Write(t, filepath.Join(dir, "prng.def"),
		[]byte("LIBRARY bcryptprimitives.dll\nEXPORTS\nProcessPrng = advapi32.SystemFunction036\n"), 0o644)
	rig.Write(t, filepath.Join(dir, "none.s"), nil, 0o644)
	w.native(t, "x86_64-w64-mingw32-as", "-o", filepath.Join(dir, "none.o"), filepath.Join(dir, "none.s"))
	w.native(t, "x86_64-w64-mingw32-ld", "-shared", "-e", "0", "-o", dll, filepath.Join(dir, "prng.def"), filepath.Join(dir, "none.o"))
}

// native runs a program of Linux.
func (w *wine) native(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stderr = w.env, os.Stderr // and no pipe, which a server would keep open
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// c returns where a path on drive C: is on Linux.
func (w *wine) c(path ...string) string {
	return filepath.Join(append([]string{w.prefix, "drive_c"}, path...)...)
}

// z returns a path of Linux as programs of Windows see it.
func z(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// start starts one of the programs in dir.
func (w *wine) start(t *testing.T, dir string, env rig.Env, program string, args ...string) *rig.Process {
	t.Helper()
	all := w.env
	for name, value := range env {
		all = append(all[:len(all):len(all)], name+"="+value)
	}
	p := rig.Spawn(t, rig.Command{Path: w.loader, Args: append([]string{filepath.Join(w.bin, program+".exe")}, args...), Dir: dir, Env: all})
	t.Cleanup(func() {
		for _, never := range []string{"PRIVATE KEY", "panic:", "fatal error:"} {
			if strings.Contains(p.Stdout()+p.Stderr(), never) {
				t.Errorf("%s wrote %q", program, never)
			}
		}
	})
	return p
}

// run is start that waits for the end.
func (w *wine) run(t *testing.T, dir string, env rig.Env, program string, args ...string) rig.Result {
	t.Helper()
	return w.start(t, dir, env, program, args...).Finish(t, runTime)
}

// serve starts the site in dir and waits until it says its address. Its ports are open before that.
func (w *wine) serve(t *testing.T, dir string) *rig.Process {
	t.Helper()
	p := w.start(t, dir, nil, "app")
	rig.Eventually(t, runTime, "the site's address", func() bool {
		if p.Exited() {
			t.Fatalf("the site ended instead of serving:\n%s", p.Stderr())
		}
		return strings.Contains(p.Stdout(), "https://")
	})
	return p
}

// interrupt presses Ctrl-C and waits for a clean end. Wine makes the console's event of SIGINT. Once in a while the signal
// ends Wine's loader itself, before the program learns of it, which says nothing of the program.
func (w *wine) interrupt(t *testing.T, p *rig.Process) {
	t.Helper()
	p.Signal(t, syscall.SIGINT)
	switch code := p.ExitCode(t, runTime); code {
	case 0:
		w.clean++
	case -1:
		t.Log("the signal ended Wine's loader")
	default:
		t.Errorf("after Ctrl-C it ended with %d:\n%s", code, p.Stderr())
	}
}
