package middleware

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware/loglimit"
)

// ErrorPages says how pages of errors are made. The zero value is usable.
type ErrorPages struct {
	// Value returns what the page "error" is rendered with. Nil: the Problem.
	Value func(*gin.Context, Problem) any
	// Inject adds to the pages of this package before they are sent, as `make dev` does to those of the site. Nil:
	// nothing is added.
	Inject func(page *bytes.Buffer)
}

// pageRenderer answers errors with pages. Visitors get the site's page "error", or a plain page of this package if the
// site has none or it fails. Developers get a page of this package. It uses none of the site's templates, so it can
// show a fault of the layout too.
type pageRenderer struct {
	ErrorPages
	log         *slog.Logger
	development bool
	broken      loglimit.Limit // lines about the site's page "error"
}

// visitorsView is the parameter by which a developer sees the page that visitors get.
const visitorsView = "_visitors"

// write sends a page. Below 500 the developer sees the same page as visitors, because it is a part of the site.
func (r *pageRenderer) write(c *gin.Context, p Problem, cause *gin.Error) {
	developer := r.development && IsOwnMachine(c)
	if developer && p.Status >= 500 && !c.Request.URL.Query().Has(visitorsView) {
		r.own(c, "developer", newDeveloperPage(c, p, cause))
		return
	}
	err := r.site(c, p)
	if err == nil {
		return
	}
	missing := errors.Is(err, fs.ErrNotExist)
	if !missing && r.broken.Allow(err.Error()) {
		r.log.ErrorContext(c.Request.Context(), "the page \"error\" fails, so visitors get a plain page in place of it",
			"error", err, "path", c.Request.URL.Path)
	}
	if developer && !missing {
		r.own(c, "developer", newDeveloperPage(c, p, &gin.Error{Err: err}))
		return
	}
	r.own(c, "plain", developerPage{Problem: p})
}

// site sends the site's page "error". It returns why nothing was sent.
func (r *pageRenderer) site(c *gin.Context, p Problem) (err error) {
	defer func() {
		if v := recover(); v != nil && c.Writer.Written() {
			panic(v)
		} else if v != nil {
			err = newPanicError(v)
		}
	}()
	value := any(p)
	if r.Value != nil {
		value = r.Value(c, p)
	}
	before := len(c.Errors)
	c.HTML(p.Status, "error", value)
	if len(c.Errors) > before && !c.Writer.Written() {
		return c.Errors.Last().Err
	}
	return nil
}

// developerPage is the value of this package's pages.
type developerPage struct {
	Problem
	Debug    *debug
	Method   string
	Path     string
	Visitors string // the address of the page that visitors get; empty where a link cannot repeat the request
}

func newDeveloperPage(c *gin.Context, p Problem, cause *gin.Error) developerPage {
	page := developerPage{Problem: p, Method: method(c.Request), Path: c.Request.URL.Path, Debug: newDebug(cause)}
	if page.Debug == nil {
		page.Debug = &debug{Error: cause.Error()}
	}
	if page.Method == http.MethodGet {
		query := c.Request.URL.Query()
		query.Set(visitorsView, "")
		page.Visitors = "?" + query.Encode()
	}
	return page
}

//go:embed errorpages.html
var errorPagesText string

//go:embed errorpages.css
var errorPagesStyle string

var errorPages = template.Must(template.New("").
	Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(errorPagesStyle) }}).Parse(errorPagesText))

// errorPagesSource allows the style of these pages, and no other inline style.
var errorPagesSource = func() string {
	sum := sha256.Sum256([]byte(errorPagesStyle))
	return "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// own sends a page of this package.
func (r *pageRenderer) own(c *gin.Context, name string, page developerPage) {
	var buf bytes.Buffer
	if err := errorPages.ExecuteTemplate(&buf, name, page); err != nil {
		panic(err)
	}
	if r.Inject != nil {
		r.Inject(&buf)
	}
	header := c.Writer.Header()
	if policy := header.Get(cspHeader); policy != "" {
		header.Set(cspHeader, extend(policy, []string{errorPagesSource}))
	}
	c.Data(page.Status, "text/html; charset=utf-8", buf.Bytes())
}
