package kit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

// A download has its name in every browser, whatever the name is.
func TestADownloadHasItsName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.pdf")
	os.WriteFile(path, []byte("%PDF-1.7"), 0o600)
	names := map[string]string{"report.pdf": "report.pdf", "Rechnung März 2026.pdf": "Rechnung März 2026.pdf",
		"日本語.pdf": "日本語.pdf", "a\r\nX-Evil: yes.pdf": "a__X-Evil: yes.pdf", `a"b\c%41;d'e.pdf`: `a"b\c%41;d'e.pdf`,
		"\xff.pdf": "_.pdf", "a+b c.pdf": "a+b c.pdf"}
	site := apptest.Start(t, siteOf(func(r *gin.Engine) {
		r.POST("/download", func(c *gin.Context) { kit.Attachment(c, path, c.PostForm("name")) })
	}))
	for name, want := range names {
		answer := site.PostForm("/download", map[string][]string{"name": {name}})
		header := answer.Header.Get("Content-Disposition")
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" || params["filename"] != want || answer.Body != "%PDF-1.7" || answer.Header.Get("X-Evil") != "" {
			t.Errorf("%q: %s gives %q, %v, want %q", name, header, params["filename"], err, want)
		}
		if plain, _, _ := strings.Cut(header, "; filename*"); strings.ContainsFunc(header, func(r rune) bool { return r > '~' || r < ' ' }) ||
			!strings.Contains(plain, `filename="`) {
			t.Errorf("%q: %q has no ASCII name for old clients, or more than ASCII", name, header)
		}
	}
}

// upload is what a browser sends for a file.
func upload(field, name, content string) (body, media string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, _ := w.CreatePart(map[string][]string{"Content-Disposition": {
		fmt.Sprintf(`form-data; name=%q; filename*=UTF-8''%s`, field, percent(name))}})
	io.WriteString(part, content)
	w.Close()
	return b.String(), w.FormDataContentType()
}

func percent(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%%%02X", text[i])
	}
	return b.String()
}

func TestAnUploadKeepsToItsFolder(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	dir := filepath.Join(t.TempDir(), "uploads")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "mine.txt"), []byte("mine"), 0o644)
	os.WriteFile(filepath.Join(outside, "target"), []byte("mine"), 0o644)
	if err := errors.Join(os.Symlink(filepath.Join(outside, "target"), filepath.Join(dir, "link.txt")),
		os.Symlink(outside, filepath.Join(dir, "out"))); err != nil {
		t.Skip("this system has no links:", err)
	}
	site := apptest.Start(t, siteOf(func(r *gin.Engine) {
		save := func(dir string) gin.HandlerFunc {
			return kit.E(func(c *gin.Context) error {
				file, err := kit.FormFile(c, "picture")
				if err != nil {
					return err
				}
				name, err := kit.SaveUpload(file, dir)
				if err != nil {
					return err
				}
				c.String(200, "%s", name)
				return nil
			})
		}
		r.POST("/upload", save(dir))
		r.POST("/new", save(filepath.Join(dir, "new", "deep")))
	}))
	send := func(path, field, name, content string) *apptest.Answer {
		body, media := upload(field, name, content)
		return site.Do("POST", path, body, "Content-Type", media)
	}
	for name, want := range map[string]string{
		"cat.png": "cat.png", "mine.txt": "mine-2.txt", "link.txt": "link-2.txt", "out": "out-2", "../../etc/passwd": "passwd",
		`C:\fakepath\dog.png`: "dog.png", ".htaccess": "htaccess", "..": "upload", "CON.txt": "_CON.txt", "a\x00\n\x1b[2J.txt": "a___[2J.txt",
		"Rechnung März.pdf": "Rechnung März.pdf", "a<b>:\"|?*.txt": "a_b______.txt", "trailing. . ": "trailing", "\xff.txt": "_.txt",
		strings.Repeat("ü", 200) + ".tar.gz": strings.Repeat("ü", 60) + ".gz",
	} {
		if answer := send("/upload", "picture", name, "content of "+want); answer.Status != 200 || answer.Body != want {
			t.Errorf("%q got %d %q, want %q", name, answer.Status, answer.Body, want)
		} else if got, err := os.ReadFile(filepath.Join(dir, want)); err != nil || string(got) != "content of "+want {
			t.Errorf("%q holds %q, %v", want, got, err)
		}
	}
	for _, file := range []string{filepath.Join(dir, "mine.txt"), filepath.Join(outside, "target")} {
		if got, _ := os.ReadFile(file); string(got) != "mine" {
			t.Errorf("%s was written over: %q", file, got)
		}
	}
	if answer := send("/new", "picture", "a.txt", ""); answer.Status != 200 {
		t.Errorf("a new folder got %d %s", answer.Status, answer.Body)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o755, filepath.Join(dir, "new"): 0o700, filepath.Join(dir, "cat.png"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if answer := send("/upload", "photo", "a.png", "x"); answer.Status != 400 || !strings.Contains(answer.Body, `{"pointer":"#/picture","detail":"has no file"}`) {
		t.Errorf("a missing file got %d %s", answer.Status, answer.Body)
	}
	// Uploads of the same name at the same time are all kept.
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { send("/upload", "picture", "same.txt", fmt.Sprint(i)) })
	}
	wg.Wait()
	var contents []string
	files, _ := filepath.Glob(filepath.Join(dir, "same*.txt"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		contents = append(contents, string(data))
	}
	slices.Sort(contents)
	if len(slices.Compact(contents)) != 20 {
		t.Errorf("of 20 uploads at once there are %d", len(contents))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".upload-*")); len(left) > 0 {
		t.Errorf("parts are left: %v", left)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Errorf("outside of the folder there is now %v", entries)
	}
}

// An event arrives as it was sent, but for the ends of lines.
func TestAnEventArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	texts := []any{"a\r\nb", "a\rb\nc", " leading", "", "\n", gin.H{"a": "b\r\nc"}, 7}
	site := apptest.Start(t, siteOf(func(r *gin.Engine) {
		r.GET("/events", kit.E(func(c *gin.Context) error {
			for _, text := range texts {
				if err := kit.Event(c, "no\r\nte", text); err != nil {
					return err
				}
			}
			return nil
		}))
	}))
	answer := site.Get("/events")
	var got []string
	for event := range strings.SplitSeq(strings.TrimSuffix(answer.Body, "\n\n"), "\n\n") { // as in the HTML standard, §9.2.6
		var data []string
		for line := range strings.SplitSeq(event, "\n") {
			name, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimPrefix(value, " "); name {
			case "data":
				data = append(data, value)
			case "event":
				if value != "no te" {
					t.Errorf("the event is %q", value)
				}
			default:
				t.Errorf("a line %q", line)
			}
		}
		got = append(got, strings.Join(data, "\n"))
	}
	want := []string{"a\nb", "a\nb\nc", " leading", "", "\n", `{"a":"b\r\nc"}`, "7"}
	if !slices.Equal(got, want) || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("got %q %s, want %q", got, answer.Header.Get("Content-Type"), want)
	}
}
