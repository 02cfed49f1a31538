// Command peer serves what testdata/site serves, with gin alone: as the argument says bare, as gin.Default(), with the
// packages that people usually add, or bare behind a proxy at HTTP_ADDR. With ADMIN_ADDR it serves profiles as the starter
// does, one of which makes it collect its garbage.
package main

import (
	"html/template"
	"log"
	"log/slog"
	"net/http"
	_ "net/http/pprof"
	"os"
	"time"

	"github.com/gin-contrib/gzip"
	"github.com/gin-contrib/requestid"
	"github.com/gin-contrib/secure"
	"github.com/gin-gonic/gin"
	sloggin "github.com/samber/slog-gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	switch os.Args[1] {
	case "default":
		r = gin.Default()
	case "usual":
		r.Use(gin.Recovery(), requestid.New(), sloggin.New(slog.New(slog.NewJSONHandler(os.Stdout, nil))),
			secure.New(secure.DefaultConfig()), gzip.Gzip(gzip.DefaultCompression))
	}
	page, err := os.ReadFile("web/templates/page.html")
	if err != nil {
		log.Fatal(err)
	}
	r.SetHTMLTemplate(template.Must(template.New("page").Parse(string(page))))
	r.GET("/json", func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.JSON(http.StatusOK, gin.H{"id": 12, "name": "chair", "price": 49.5, "stock": true})
	})
	r.GET("/page", func(c *gin.Context) { c.HTML(http.StatusOK, "page", []string{"chair", "table", "lamp"}) })
	r.StaticFS("/static", http.Dir("web/static"))
	if addr := os.Getenv("ADMIN_ADDR"); addr != "" {
		go http.ListenAndServe(addr, nil)
	}
	srv := &http.Server{Addr: os.Getenv("HTTPS_ADDR"), Handler: r, ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout: 25 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	if os.Args[1] == "behind" {
		srv.Addr = os.Getenv("HTTP_ADDR")
		log.Fatal(srv.ListenAndServe())
	}
	log.Fatal(srv.ListenAndServeTLS("cert.pem", "key.pem"))
}
