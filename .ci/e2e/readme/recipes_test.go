//go:build unix

package readme

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// example is an example that two commands remove.
type example struct {
	name  string   // of its function in handlers/routes.go, and how its files begin
	paths []string // the paths that it answers
	words []string // in files of the project and in the binary, as long as the example is there
}

var examples = []example{
	{"notes", []string{"/notes", "/notes/download", "/api/notes", "/static/notes.css", "/static/notes.js"},
		[]string{"/api/notes", "notes.css", "notes.js", "noteInput", "notesPage", `href="/notes`, "handlers/notes", "Write a note"}},
	{"connection", []string{"/connection", "/api/connection", "/static/connection.css"},
		[]string{"/api/connection", "connection.css", "connectionPage", "GREASE", "X25519Kyber768Draft00", "forward secrecy", `href="/connection`,
			"handlers/connection", "Look into the lock", `class="glance"`, ".wire li"}},
	{"account", []string{"/sign-in", "/register", "/forgotten"},
		[]string{"ACCOUNT_ADMINS", "SESSION_STORE", "go.etcd.io/bbolt", "alexedwards/scs", `href="/account`,
			"handlers/account", "Open an account", "accountPage"}},
}

// commands are the two commands for its removal, in the first file of the example.
func (e example) commands(t *testing.T, dir string) []string {
	t.Helper()
	var commands []string
	text := string(rig.Read(t, filepath.Join(dir, "handlers", e.name+".go")))
	for _, m := range regexp.MustCompile(`(?m)^//\t(.*)$`).FindAllStringSubmatch(text, -1) {
		commands = append(commands, m[1])
	}
	if len(commands) != 2 {
		t.Fatalf("handlers/%s.go says %q, want two commands", e.name, commands)
	}
	return commands
}

func TestREADMEHasTheRemovalCommandsOfTheFiles(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	lines := blocks(string(rig.Read(t, filepath.Join(root, "README.md"))), "sh")
	for _, e := range examples {
		for _, command := range e.commands(t, root) {
			if !slices.Contains(lines, command) {
				t.Errorf("the README has no line %s", command)
			}
		}
	}
}

// Each example is removed from a renamed clone, alone and with the others. No trace of it remains, and the rest of the
// site works as before.
func TestTwoCommandsRemoveEachExample(t *testing.T) {
	dir, env := renamed(t)
	run(t, dir, env, "git add -A && git -c user.name=You -c user.email=you@example.com -c maintenance.auto=false commit -qm Mine")
	remove := func(names ...string) {
		run(t, dir, env, "git reset -q --hard && git clean -qfd") // the same folder each time, for the sake of the build cache
		for _, name := range names {
			e := examples[slices.IndexFunc(examples, func(e example) bool { return e.name == name })]
			for _, command := range e.commands(t, dir) {
				run(t, dir, env, command)
			}
		}
	}
	tree := func() string { return run(t, dir, env, "git add -A && git write-tree") }

	remove()
	look(t, dir, env)
	for _, name := range []string{"notes", "connection", "account"} {
		remove(name)
		whole(t, dir, env, strings.Join(watching(t, dir, env), " "), name)
		look(t, dir, env, name)
	}
	for _, pair := range [][]string{{"notes", "connection"}, {"notes", "account"}, {"connection", "account"}} {
		remove(pair...)
		whole(t, dir, env, "./handlers/...", pair...)
	}
	remove("notes", "connection", "account")
	whole(t, dir, env, "./...", "notes", "connection", "account")
	look(t, dir, env, "notes", "connection", "account")
	both := tree()
	remove("account", "connection", "notes")
	if tree() != both {
		t.Error("removed in another order, the examples leave another project")
	}
}

// whole runs the project's own vet, build and tests after the removal.
func whole(t *testing.T, dir string, env []string, tests string, removed ...string) {
	t.Helper()
	for line := range strings.Lines(run(t, dir, env, "git status --porcelain")) {
		of := regexp.MustCompile(`^ D (?:handlers|web/\w+)/(notes|connection|account).*\n$`).FindStringSubmatch(line)
		edited := slices.Contains([]string{" M handlers/routes.go\n", " M handlers/site.go\n", " M web/templates/home.html\n"}, line) ||
			slices.Contains(removed, "account") && slices.Contains([]string{" M web/templates/layout.html\n", " M go.mod\n", " M go.sum\n"}, line)
		if !edited && (of == nil || !slices.Contains(removed, of[1])) {
			t.Errorf("without %q: %s", removed, line)
		}
	}
	run(t, dir, env, "go vet -tags nomsgpack ./... && test -z \"$(gofmt -l .)\"")
	run(t, dir, env, "go mod tidy -diff") // no requirement is left of it
	run(t, dir, env, "go test -tags nomsgpack "+tests)
}

// look builds a project and checks that its files, its binary and its site have no trace of the removed examples, and
// still have the others.
func look(t *testing.T, dir string, env []string, removed ...string) {
	t.Helper()
	run(t, dir, env, "make build")
	files, binary := contents(t, dir), rig.Read(t, filepath.Join(dir, "bin", "shop"))
	site := serveBinary(t, dir, env)
	for _, e := range examples {
		there := !slices.Contains(removed, e.name)
		for _, word := range e.words {
			if in := holding(files, word); len(in) > 0 != there {
				t.Errorf("without %q: %q is in the files %q; want it there: %v", removed, word, in, there)
			}
			if has := bytes.Contains(binary, []byte(word)); has != there {
				t.Errorf("without %q: %q is in the binary: %v, want %v", removed, word, has, there)
			}
		}
		for _, path := range e.paths {
			if got := site.status(t, path); there && got != 200 || !there && got != 404 {
				t.Errorf("without %q: %s is answered with %d", removed, path, got)
			}
		}
	}
	links := regexp.MustCompile(`(?:href|src)="(/[^"]*)"`).FindAllStringSubmatch(site.get(t, "/").Body, -1)
	if len(links) < 3 {
		t.Errorf("without %q: the first page has the links %q, want its stylesheet, its icon and itself", removed, links)
	}
	for _, link := range links {
		if got := site.status(t, link[1]); got != 200 && got != 303 { // 303: /account leads strangers to a form
			t.Errorf("without %q: the first page links to %s, which is answered with %d", removed, link[1], got)
		}
	}
}

// watching are the packages whose tests use the owner's handlers and pages.
func watching(t *testing.T, dir string, env []string) (packages []string) {
	t.Helper()
	list := `go list -tags nomsgpack -test -f '{{.ImportPath}} {{join .Deps " "}}' ./...`
	for line := range strings.Lines(run(t, dir, env, list)) {
		fields := strings.Fields(line)
		pkg := strings.TrimSuffix(fields[0], ".test")
		if slices.Contains(fields, shop+"/handlers") && !strings.HasSuffix(pkg, "_test") && !slices.Contains(packages, pkg) {
			packages = append(packages, pkg)
		}
	}
	if len(packages) == 0 {
		t.Fatal("no package builds on handlers")
	}
	return packages
}

// contents are the files of a project, without those of git and of builds.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (name == ".git" || name == "bin") {
			return fs.SkipDir
		}
		if err == nil && !entry.IsDir() {
			files[name] = name + "\n" + string(rig.Read(t, filepath.Join(dir, name)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// holding are the names of the files that contain a word in their name or text.
func holding(files map[string]string, word string) (names []string) {
	for name, text := range files {
		if strings.Contains(text, word) {
			names = append(names, name)
		}
	}
	return names
}

// shopServer is the built program of a project.
type shopServer struct{ https int }

// serveBinary starts it in an empty folder, so that it serves its embedded pages.
func serveBinary(t *testing.T, dir string, env []string) shopServer {
	t.Helper()
	s := shopServer{rig.Port(t)}
	process := rig.Spawn(t, rig.Command{Path: filepath.Join(dir, "bin", "shop"), Dir: t.TempDir(),
		Env: append(slices.Clone(env), "HTTPS_ADDR="+rig.Loopback(s.https), "HTTP_ADDR=off")})
	process.WaitForPort(t, rig.Loopback(s.https))
	return s
}

func (s shopServer) get(t *testing.T, path string) rig.Answer {
	t.Helper()
	client := rig.VisitorWith(&tls.Config{InsecureSkipVerify: true})
	url := fmt.Sprintf("https://localhost:%d%s", s.https, path)
	return rig.Ask(t, client, rig.Request{URL: url, Header: []string{"Accept", "text/html"}})
}

func (s shopServer) status(t *testing.T, path string) int {
	t.Helper()
	return s.get(t, path).StatusCode
}
