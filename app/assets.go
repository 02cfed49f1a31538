package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// assets serves web/static under /static: from memory with strong ETags, or live from the disk. Folders are not
// listed.
type assets struct {
	files  fs.FS
	loaded map[string]asset // nil: read from files at each request
}

type asset struct {
	data []byte
	etag []string
}

func newAssets(files fs.FS, live bool) (*assets, error) {
	a := &assets{files: files}
	if live {
		return a, nil
	}
	a.loaded = map[string]asset{}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		loaded, err := a.read(name)
		a.loaded[name] = loaded
		return err
	})
	return a, err
}

func (a *assets) read(name string) (asset, error) {
	data, err := fs.ReadFile(a.files, name)
	sum := sha256.Sum256(data)
	return asset{data, []string{`"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}}, err
}

// serve is the handler of /static/*file.
func (a *assets) serve(c *gin.Context) {
	name := "static" + c.Param("file")
	found, ok := a.loaded[name]
	if a.loaded == nil && fs.ValidPath(name) {
		var err error
		found, err = a.read(name)
		ok = err == nil
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !strings.HasSuffix(err.Error(), "is a directory") {
			c.Error(err)
			return
		}
	}
	if !ok {
		middleware.NotFound(c)
		return
	}
	header := c.Writer.Header()
	header["Etag"] = found.etag
	header["Cache-Control"] = []string{"no-cache"} // keep it, and ask whether it is still the same
	http.ServeContent(c.Writer, c.Request, path.Base(name), time.Time{}, bytes.NewReader(found.data))
}
