package server

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// SinglePage implements kit.Server.
func (s *Server) SinglePage(folder string) gin.HandlerFunc {
	if !fs.ValidPath(folder) || strings.ContainsAny(folder, "./") {
		panic(fmt.Sprintf("SinglePage(%q): give it the name of a folder of web, such as app", folder))
	}
	if vite := s.Dev.Frontend(folder, s.stopping); vite != nil {
		if s.frontends == nil {
			s.frontends = map[string]*dev.Frontend{}
		}
		s.frontends[folder] = vite
		return singlePage(vite.ServePublic, vite.ServeDocument)
	}
	document := folder + "/index.html"
	notBuilt := fmt.Sprintf("web/static/%s is not there: run make build, or npm run build in web/%s", document, folder)
	if !s.pages.Builds(folder) {
		s.Log.Error("a front end is not built", "error", notBuilt)
	}
	file := func(c *gin.Context, name string) bool { return s.pages.ServeFile(c, folder+"/"+name) }
	return singlePage(file, func(c *gin.Context) {
		if !s.pages.ServeFile(c, document) {
			c.Error(kit.Status(http.StatusServiceUnavailable, notBuilt))
		}
	})
}

// singlePage calls document for a navigation, and file for a path with an extension. A missing script must be a 404: a
// browser would try to run the document in its place, and could keep it.
func singlePage(file func(c *gin.Context, name string) bool, document gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		name := strings.TrimPrefix(c.Request.URL.Path, "/")
		switch {
		case c.Request.Method != http.MethodGet: // middleware.Head has made GET of HEAD
		case strings.HasPrefix(name, "api/"):
		case path.Ext(name) != "":
			if file(c, name) {
				return
			}
		case strings.Contains(c.GetHeader("Accept"), "text/html"):
			document(c)
			return
		}
		middleware.NotFound(c)
	}
}

// serveStatic is the handler of /static/*file.
func (s *Server) serveStatic(c *gin.Context) {
	name := strings.TrimPrefix(c.Param("file"), "/")
	folder, _, _ := strings.Cut(name, "/")
	if vite := s.frontends[folder]; vite != nil {
		vite.ServeFile(c, c.Request.URL.Path)
	} else if !s.pages.ServeFile(c, name) {
		middleware.NotFound(c)
	}
}
