package pages

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// embedded is what go:embed makes of a folder with the prefix all: (cmd/go/internal/load.resolveEmbed): regular files,
// without those of other modules. Names that it refuses do not come up here, since they stop the build.
func embedded(t *testing.T, dir string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			if slices.Contains([]string{".git", ".hg", ".svn", ".bzr"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			name, _ := filepath.Rel(dir, file)
			data, err := os.ReadFile(file)
			files[filepath.ToSlash(name)] = &fstest.MapFile{Data: data}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Development and production serve the same files, whatever lies about: compared over random trees.
func TestTheDiskAndTheBinaryServeTheSameFiles(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	parts := []string{"a", "b.css", "_x.js", "_nav.html", "page.html", ".env", ".well-known", ".git", "x~", ".x.swp", "#x#", "x.bak",
		"y.ORIG", "z.tmp", "go.mod", "sub", "deep dir", "ü.svg", ".#lock", "x.rej", "robots.txt", "#1.css", "a~b"}
	served, excluded := 0, 0
	for range 60 {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		var all []string
		for range 30 {
			name := []string{staticFolder, rootFolder, templatesFolder}[random.IntN(3)]
			for range 1 + random.IntN(3) {
				name = filepath.Join(name, parts[random.IntN(len(parts))])
			}
			// These fail where a file has the name of a folder, and where a link leads out: then this one is left out.
			root.MkdirAll(filepath.Dir(name), 0o755)
			switch random.IntN(8) {
			case 0:
				root.Symlink(filepath.Join(dir, "elsewhere"), name)
			case 1:
				root.Symlink(dir, name)
			default:
				root.WriteFile(name, []byte(name), 0o644)
			}
			all = append(all, filepath.ToSlash(name))
		}
		os.WriteFile(filepath.Join(dir, "elsewhere"), []byte("secret"), 0o600)
		disk, binary := os.DirFS(dir), embedded(t, dir)
		for _, folder := range []string{staticFolder, rootFolder} {
			live, err := newAssets(disk, folder, true)
			if err != nil {
				t.Fatal(err)
			}
			built, err := newAssets(binary, folder, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range all {
				rest, ok := strings.CutPrefix(name, folder+"/")
				if !ok {
					continue
				}
				a, _ := live.find(rest)
				b, _ := built.find(rest)
				if (a == nil) != (b == nil) || a != nil && !bytes.Equal(a.plain.data, b.plain.data) {
					t.Errorf("seed %d: %s is served from the disk: %v, from the binary: %v", seed, name, a != nil, b != nil)
				}
				if a != nil {
					served++
				} else if excluded++; !named(disk, name) {
					t.Errorf("seed %d: %s is not served, and no note says why", seed, name)
				}
			}
		}
		a, _, _ := list(disk, templatesFolder)
		b, _, _ := list(binary, templatesFolder)
		if slices.Sort(a); !slices.Equal(a, b) {
			t.Errorf("seed %d: the templates on the disk are %q, in the binary %q", seed, a, b)
		}
	}
	if served < 100 || excluded < 100 {
		t.Errorf("%d files served and %d not: that compares too little", served, excluded)
	}
}

// named reports whether a note is about a file or a folder around it. What is a folder needs none.
func named(files fs.FS, name string) bool {
	if info, err := fs.Lstat(files, name); err != nil || info.IsDir() {
		return true
	}
	return slices.ContainsFunc(UnservedFiles(files), func(note string) bool {
		file, why, _ := strings.Cut(note, " is not served: ")
		return strings.HasPrefix("web/"+name+"/", file+"/") && why != ""
	})
}

func TestNamesThatGoEmbedRefusesAreNotServed(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for _, name := range []string{`a"b.js`, "a'b.js", "what?.css", "aux.css", "COM1", "a;b.js", "😀.svg", "end."} {
		files["static/"+name] = &fstest.MapFile{}
	}
	if names, unserved, err := list(files, staticFolder); err != nil || len(names) > 0 || len(unserved) != len(files) {
		t.Errorf("served are %q, %v", names, err)
	}
	files = fstest.MapFS{"static/auxiliary.css": {}, "static/a+b (1)@2x.png": {}, "static/_/a.js": {}, "static/.well-known/é": {}}
	if names, _, err := list(files, staticFolder); err != nil || len(names) != len(files) {
		t.Errorf("served are only %q, %v", names, err)
	}
}
