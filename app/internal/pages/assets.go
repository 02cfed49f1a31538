package pages

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// assets serves web/static under /static, and web/root under /. In production the files are in memory, compressed.
// Those of web/static have names that change with their content, so browsers may cache them. In development every
// request reads the disk. Folders are not listed.
type assets struct {
	files  fs.FS
	folder string            // staticFolder or rootFolder
	built  []string          // folders in which a front-end tool has put hashes into the names
	loaded map[string]*asset // by "style.css", in web/static by "style.4f1c0ffee123.css" too; nil: read at each request
}

type asset struct {
	contentType []string
	hashed      string // the name with the hash of the content
	plain       encoding
	gzip        func() *encoding // compresses at its first call; returns nil if that saves too little, or live
}

// encoding is an asset's bytes as they are sent, with the headers that belong to them, which are made once.
type encoding struct {
	data         []byte
	etag, length []string
}

// Values of headers that assets share.
var (
	immutable      = []string{"public, max-age=31536000, immutable"}
	revalidate     = []string{"no-cache"} // the browser keeps it, and asks at each use whether it has changed
	acceptEncoding = []string{"Accept-Encoding"}
	gzipEncoding   = []string{"gzip"}
	acceptRanges   = []string{"bytes"}
)

func newAssets(files fs.FS, folder string, live bool) (*assets, error) {
	a := &assets{files: files, folder: folder}
	if live {
		return a, nil
	}
	names, err := a.names()
	if err != nil {
		return nil, err
	}
	a.loaded = map[string]*asset{}
	for _, name := range names {
		loaded, err := a.read(name)
		if err != nil {
			return nil, err
		}
		loaded.gzip = sync.OnceValue(loaded.compressed)
		a.loaded[name] = loaded
		if folder == staticFolder {
			a.loaded[loaded.hashed] = loaded
		}
	}
	return a, nil
}

// names returns the files of the folder, by their paths in it.
func (a *assets) names() ([]string, error) {
	names, _, err := list(a.files, a.folder)
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, a.folder+"/")
	}
	return names, err
}

func (a *assets) read(name string) (*asset, error) {
	data, err := fs.ReadFile(a.files, a.folder+"/"+name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:hashLength/2])
	ext := path.Ext(name)
	return &asset{
		contentType: []string{contentType(ext, data)},
		hashed:      strings.TrimSuffix(name, ext) + "." + hash + ext,
		plain:       encoded(data, hash),
		gzip:        func() *encoding { return nil },
	}, nil
}

const hashLength = 12 // hexadecimal digits of the hash in a name

func encoded(data []byte, etag string) encoding {
	return encoding{data, []string{`"` + etag + `"`}, []string{strconv.Itoa(len(data))}}
}

// contentTypes are those of the files that a site usually has. The system's table may have others: on some Windows
// machines it has text/plain for scripts, which browsers do not run because of nosniff.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".txt": "text/plain; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json",
	".xml": "application/xml", ".wasm": "application/wasm", ".pdf": "application/pdf",
	".svg": "image/svg+xml", ".ico": "image/x-icon", ".png": "image/png",
	".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif", ".woff2": "font/woff2",
}

func contentType(ext string, data []byte) string {
	ext = strings.ToLower(ext)
	if known := contentTypes[ext]; known != "" { // package mime reads the system's tables at its first call
		return known
	}
	return cmp.Or(mime.TypeByExtension(ext), http.DetectContentType(data))
}

// compressors are kept for the next file, since one has a megabyte of tables.
var compressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestCompression)
	return w
}}

// compressed returns the gzip encoding if it saves at least a tenth, or else nil. Brotli would save a little more (315
// of 2142 bytes of a stylesheet), but no library for it is worth its size in the binary.
func (a *asset) compressed() *encoding {
	var buf bytes.Buffer
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&buf)
	w.Write(a.plain.data) // a write to memory cannot fail
	w.Close()
	if buf.Len() >= len(a.plain.data)*9/10 {
		return nil
	}
	e := encoded(buf.Bytes(), strings.Trim(a.plain.etag[0], `"`)+"-gzip")
	return &e
}

// url returns the URL path of a file in web/static.
func (a *assets) url(name string) (string, error) {
	if a.loaded == nil && has(a.files, "static/"+name) {
		return "/static/" + name, nil
	}
	if found := a.loaded[name]; found != nil {
		return "/static/" + found.hashed, nil
	}
	return "", fmt.Errorf("asset %q: there is no such file in web/static", name)
}

func (a *assets) send(c *gin.Context, name string, found *asset) {
	header := c.Writer.Header()
	header["Content-Type"] = found.contentType
	header["Cache-Control"] = revalidate
	if a.folder == staticFolder && (name == found.hashed || a.hasToolsHash(name)) {
		header["Cache-Control"] = immutable
	}
	e := &found.plain
	if zipped := found.gzip(); zipped != nil {
		header["Vary"] = append(header["Vary"], acceptEncoding...)
		if acceptsGzip(c.Request.Header.Get("Accept-Encoding")) {
			e = zipped
			header["Content-Encoding"] = gzipEncoding
		}
	}
	header["Etag"] = e.etag
	asked := c.Request.Header
	if asked["If-Match"] == nil { // if it is not met, the answer is 412 and has no content
		header["Content-Length"] = e.length
	}
	if asked["If-Match"] != nil || asked["If-None-Match"] != nil || asked["Range"] != nil {
		http.ServeContent(c.Writer, c.Request, "", time.Time{}, bytes.NewReader(e.data))
		return
	}
	// The whole file, without the buffer through which ServeContent copies it.
	header["Accept-Ranges"] = acceptRanges
	c.Status(http.StatusOK)
	c.Writer.Write(e.data)
}

// toolsHash matches the end of a name that Vite has made: -BxK2d3_q.js.
var toolsHash = regexp.MustCompile(`-[A-Za-z0-9_-]{8}\.[^/]+$`)

func (a *assets) hasToolsHash(name string) bool {
	return toolsHash.MatchString(name) &&
		slices.ContainsFunc(a.built, func(folder string) bool { return strings.HasPrefix(name, folder) })
}

// find returns nil for a file that does not exist. A name with another hash is that of another version: during a
// deployment, a page of the old server asks for it at the new one. find returns the present version, and send sends it
// with "no-cache".
func (a *assets) find(name string) (*asset, error) {
	if a.loaded != nil {
		found := a.loaded[name]
		if found == nil && a.folder == staticFolder {
			found = a.loaded[withoutHash(name)]
		}
		return found, nil
	}
	if !has(a.files, a.folder+"/"+name) {
		return nil, nil
	}
	return a.read(name)
}

// withoutHash returns style.css for style.4f1c0ffee123.css, and "" for a name without a hash.
func withoutHash(name string) string {
	ext := path.Ext(name)
	rest := strings.TrimSuffix(name, ext)
	dot := len(rest) - hashLength - 1
	if dot < 1 || rest[dot] != '.' || strings.Trim(rest[dot+1:], "0123456789abcdef") != "" {
		return ""
	}
	return rest[:dot] + ext
}

// acceptsGzip reports whether an Accept-Encoding header accepts gzip (RFC 9110 §12.5.3).
func acceptsGzip(accept string) bool {
	others := false
	for coding, weight := range middleware.Weights(accept) {
		switch coding {
		case "gzip", "x-gzip":
			return weight > 0
		case "*":
			others = weight > 0
		}
	}
	return others
}
