package kit

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
	"example.com/turnkey/middleware/input"
)

// Attachment sends the file at path as a download with the given name, in any language. A file that is missing is
// answered 404.
func Attachment(c *gin.Context, path, name string) {
	f, err := os.Open(path)
	if err != nil {
		middleware.NotFound(c)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		middleware.NotFound(c)
		return
	}
	c.Header("Content-Disposition", disposition(name))
	http.ServeContent(c.Writer, c.Request, info.Name(), info.ModTime(), f) // c.File would redirect from index.html
}

// disposition returns the header of a download (RFC 6266): the name as it is, and in ASCII for old clients.
func disposition(name string) string {
	name = strings.ToValidUTF8(name, "_")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
	ascii := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	header := `attachment; filename="` + ascii + `"`
	if ascii != name {
		// QueryEscape escapes all that RFC 8187 §3.2.1 does not allow, and more. It writes a space as +.
		header += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return header
}

// FormFile returns the file in a field of a form. Return its error: if there is no file, it names the field, unlike
// that of c.FormFile.
func FormFile(c *gin.Context, field string) (*multipart.FileHeader, error) {
	file, err := c.FormFile(field)
	if errors.Is(err, http.ErrMissingFile) {
		return nil, input.Missing(c, field, err)
	}
	return file, err
}

const maxFileName = 120 // bytes; file systems take 255, of which a number and a suffix need some

// SaveUpload saves an uploaded file in the folder dir, and returns its name there: the visitor's without unsafe
// characters, and with a number if there is a file of that name. The file is there whole or not at all. It never
// replaces another, follows no link out of dir, and cannot be read by other users. A folder that is missing is made,
// with mode 0700. The mode of one that exists stays.
//
// Do not trust the content: to send it to other visitors, use Attachment.
func SaveUpload(file *multipart.FileHeader, dir string) (name string, err error) {
	src, err := file.Open()
	if err != nil {
		return "", err
	}
	defer src.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	part := ".upload-" + rand.Text()
	defer root.Remove(part)
	if err := writeNew(root, part, src); err != nil {
		return "", fmt.Errorf("saving an upload in %s: %w", dir, err)
	}
	base, ext := safeName(file.Filename)
	for n := 1; ; n++ {
		name = base + ext
		if n > 1 {
			name = fmt.Sprintf("%s-%d%s", base, n, ext)
		}
		// A link fails if the name is taken. A rename would replace the file of that name.
		if err := root.Link(part, name); !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}

// writeNew writes a file that does not exist yet.
func writeNew(root *os.Root, name string, src io.Reader) error {
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, src)
	return errors.Join(err, out.Sync(), out.Close())
}

// safeName returns the name of a visitor's file, as base and extension, so that every file system accepts it: without
// folders, a dot in front, what Windows refuses, and control characters.
func safeName(name string) (base, ext string) {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, ". ")
	ext = filepath.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	base = strings.TrimSuffix(name, ext)
	base = strings.ToValidUTF8(base[:min(len(base), maxFileName)], "")
	first, _, _ := strings.Cut(strings.ToUpper(base), ".")
	if reserved := strings.TrimRight(first, "0123456789"); reserved == "CON" || reserved == "PRN" || reserved == "AUX" ||
		reserved == "NUL" || reserved == "COM" || reserved == "LPT" { // devices of Windows
		base = "_" + base
	}
	return cmp.Or(strings.TrimRight(base, ". "), "upload"), ext
}
