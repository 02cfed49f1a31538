//go:build unix

package dev

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rig"
)

// Packages of the owner's own embed files wherever they are: in a room beside handlers, in one below web, in a folder
// that git ignores, and in a module outside the project, which go.mod names in a replace.
func TestWhatAPackageEmbedsIsFollowedWhereverItIs(t *testing.T) {
	const pkg = "package texts\n\nimport \"embed\"\n\n//go:embed all:files *.txt\nvar files embed.FS\n\n" +
		"func All() (all string) {\n\tfor _, dir := range []string{\".\", \"files\", \"files/new\"} {\n\t\tlist, _ := files.ReadDir(dir)\n" +
		"\t\tfor _, f := range list {\n\t\t\tdata, _ := files.ReadFile(dir + \"/\" + f.Name())\n\t\t\tif dir == \".\" {\n" +
		"\t\t\t\tdata, _ = files.ReadFile(f.Name())\n\t\t\t}\n\t\t\tall += string(data) + \";\"\n\t\t}\n\t}\n\treturn all\n}\n"
	rooms := []string{"shop/mails", "web/widgets", "../lib", "generated/texts"}
	w := open(t, "", func(w *workshop) {
		module := moduleOf(w)
		imports, calls := "", "\"\""
		for i, room := range rooms {
			w.write(room+"/texts.go", pkg)
			w.write(room+"/top.txt", room+" top 0")
			w.write(room+"/files/.deep", room+" deep 0")
			from := module + "/" + room
			if room == "../lib" {
				from = "lib.test/texts"
				w.write("../lib/go.mod", "module lib.test/texts\n\ngo 1.26\n")
			}
			name := "texts" + strconv.Itoa(i)
			imports += "\t" + name + " \"" + from + "\"\n"
			calls += " + " + name + ".All()"
		}
		w.write(".gitignore", string(rig.Read(t, w.path(".gitignore")))+"\n/generated/\n")
		w.edit(code, `import "github.com/gin-gonic/gin"`, "import (\n\t\"github.com/gin-gonic/gin\"\n"+imports+")")
		w.edit(code, `"code 0"`, calls)
		for _, edit := range [][]string{{"-require=lib.test/texts@v0.0.0", "-replace=lib.test/texts=../lib"}} {
			cmd := exec.Command("go", append([]string{"mod", "edit"}, edit...)...)
			cmd.Dir = w.dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
	})
	shows := func(text string) {
		t.Helper()
		w.eventually(text, func() bool { _, body := w.get(page); return strings.Contains(body, text+";") })
	}
	for _, room := range rooms {
		shows(room + " top 0")
	}
	for _, room := range rooms {
		w.write(room+"/top.txt", room+" top 1")
		shows(room + " top 1")
		w.write(room+"/files/.deep", room+" deep 1")
		shows(room + " deep 1")
		w.write(room+"/files/new/x", room+" new") // a new folder
		shows(room + " new")
	}

	// A package that is imported later, and what it embeds.
	w.write("late/texts.go", pkg)
	w.write("late/top.txt", "late 0")
	w.write("late/files/x", "late x")
	w.edit(code, "import (\n", "import (\n\tlate \""+moduleOf(w)+"/late\"\n")
	w.edit(code, `newPage(c, "Bench"), `, `newPage(c, "Bench"), late.All() + `)
	shows("late 0")
	w.write("late/top.txt", "late 1")
	shows("late 1")
	if err := os.Remove(w.path("late/top.txt")); err != nil {
		t.Fatal(err)
	}
	w.eventually("the words of a build without the file", func() bool { return strings.Contains(w.out.String(), "no matching files found") })
	w.write("late/top.txt", "late 2")
	shows("late 2")
}

func moduleOf(w *workshop) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(string(rig.Read(w.t, w.path("go.mod"))), "module "), "\n")
	return name
}

// At a terminal a request is a short line in colour, and in a pipe there is no escape code. The first row is make dev
// itself, the others are the binary that it built.
func TestTheLogOfATerminal(t *testing.T) {
	w := serve(t, "")
	for _, test := range []struct {
		name, env, want string
		terminal, codes bool
	}{
		{"make dev in a pipe", "", "method=GET path=/bench status=200 ", false, false},
		{"a terminal", "TERM=xterm", "GET /bench \x1b[92m200\x1b[0m \x1b[2m", true, true},
		{"a terminal without colour", "NO_COLOR=1", "GET /bench 200 ", true, false},
		{"a simple terminal", "TERM=dumb", "GET /bench 200 ", true, false},
		{"JSON at a terminal", "LOG_FORMAT=json", `"duration_ms":`, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := w
			if test.terminal {
				w = w.atTerminal(t, test.env)
			}
			w.eventually("a page", func() bool { status, _ := w.get(page); return status == 200 })
			w.get("/static/style.css")
			w.get("/healthz")
			w.get("/%1b%5d0;forged%07%c2%9b2J%e2%80%aegpj")
			w.eventually("its line", func() bool { return strings.Contains(w.out.String(), "gpj") })
			printed := w.out.String()
			if !strings.Contains(printed, test.want) {
				t.Errorf("there is no %q in\n%q", test.want, printed)
			}
			if got := strings.Contains(printed, "\x1b"); got != test.codes {
				t.Errorf("escape codes: %v\n%q", got, printed)
			}
			if strings.ContainsAny(printed, "\a\u009b\u202e") || strings.Contains(printed, "\x1b]") {
				t.Errorf("a client's codes are in\n%q", printed)
			}
			if strings.Contains(printed, "GET /static/style.css") || strings.Contains(printed, "healthz") {
				t.Errorf("assets or probes are in\n%q", printed)
			}
		})
	}
}

// atTerminal runs the binary at a terminal of its own, on another port.
func (w *workshop) atTerminal(t *testing.T, env string) *workshop {
	t.Helper()
	binary, port := "bin/"+path.Base(moduleOf(w)), rig.Port(t)
	others := w.processes()[binary]
	v := &workshop{t: t, dir: w.dir, https: port, ended: make(chan struct{}), once: w.once}
	cmd := exec.Command("script", "--quiet", "--return", "--command", binary, "/dev/null")
	cmd.Dir = w.dir
	cmd.Env = append(rig.Stranger(t, t.TempDir(), "HTTPS_ADDR="+rig.Loopback(port), "HTTP_ADDR=off"), env)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &v.out, &v.out, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { cmd.Wait(); close(v.ended) }()
	t.Cleanup(func() {
		for _, pid := range w.processes()[binary] {
			if !slices.Contains(others, pid) {
				syscall.Kill(pid, syscall.SIGTERM)
			}
		}
		<-v.ended
	})
	return v
}

// A watcher without edits takes almost no processor time.
func TestWaitingForEditsCostsNothing(t *testing.T) {
	w := serve(t, "")
	w.eventually("one process of each", func() bool { return len(w.processes()) >= 2 })
	time.Sleep(2 * time.Second) // the list of what is embedded comes after the first page
	before := w.ticks()
	time.Sleep(5 * time.Second)
	if used := w.ticks() - before; used > 5 { // hundredths of a second: 1 % of a core
		t.Errorf("make dev used %d ms of processor time in 5 s", used*10)
	}
}

// ticks is the processor time of all processes of make dev, in hundredths of a second.
func (w *workshop) ticks() (sum int) {
	w.t.Helper()
	for _, pids := range w.processes() {
		for _, pid := range pids {
			sum += ticksOf(w.t, pid)
		}
	}
	return sum
}

func ticksOf(t *testing.T, pid int) int {
	t.Helper()
	stat := string(rig.Read(t, filepath.Join("/proc", strconv.Itoa(pid), "stat")))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	user, err := strconv.Atoi(fields[11]) // proc_pid_stat(5): utime and stime are the fields 14 and 15
	system, err2 := strconv.Atoi(fields[12])
	if err != nil || err2 != nil {
		t.Fatalf("%q: %v, %v", stat, err, err2)
	}
	return user + system
}
