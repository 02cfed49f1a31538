package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
)

// startTime is how long a front end may take to listen after this process has started.
const startTime = 10 * time.Second

// Frontend is the development server of a front end (Vite) in a folder of web. It listens on a loopback address, and
// the site serves its pages. It is safe for concurrent use.
type Frontend struct {
	folder    string
	target    *url.URL
	transport *http.Transport
	policy    gin.HandlerFunc
	overlay   *Overlay
	stopping  <-chan struct{}
}

// frontendPorts reads "app=43211,desk=43212".
func frontendPorts(text string) map[string]int {
	ports := map[string]int{}
	for pair := range strings.SplitSeq(text, ",") {
		folder, number, _ := strings.Cut(pair, "=")
		if port, err := strconv.ParseUint(number, 10, 16); err == nil {
			ports[folder] = int(port)
		}
	}
	return ports
}

// Frontend returns the front end that scripts/dev runs in web/folder, or nil. stopping is closed when the server stops,
// which ends the WebSockets of pages.
func (l *Link) Frontend(folder string, stopping <-chan struct{}) *Frontend {
	if l == nil || l.Overlay == nil || l.frontends[folder] == 0 {
		return nil
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(l.frontends[folder]))
	return &Frontend{
		folder: folder, target: &url.URL{Scheme: "http", Host: address}, overlay: l.Overlay, stopping: stopping,
		transport: &http.Transport{DialContext: patient(address, time.Now().Add(startTime))},
		// Vite writes inline scripts and styles into the page, and a worker waits for Vite's server to come back.
		policy: middleware.CSP("script-src 'unsafe-inline'", "style-src 'unsafe-inline'", "worker-src blob:"),
	}
}

// patient returns a function that connects to address. Until the time given it waits for a server that does not listen
// yet.
func patient(address string, until time.Time) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		for {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil || time.Now().After(until) {
				return conn, err
			}
			select {
			case <-ctx.Done():
				return nil, err
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// ServeDocument answers with the document of the front end.
func (f *Frontend) ServeDocument(c *gin.Context) {
	c.Request.Header.Del("If-None-Match") // make dev's own part of the page may be another
	f.serve(c, "/static/"+f.folder+"/")
}

// ServeFile answers a request for a path below /static/folder/, and the WebSocket that tells pages of edits.
func (f *Frontend) ServeFile(c *gin.Context, path string) {
	// With */*, Vite would send the document for files that do not exist.
	accept := "*"
	if strings.Contains(c.GetHeader("Accept"), "text/css") {
		accept = "text/css"
	}
	c.Request.Header.Set("Accept", accept)
	if c.IsWebsocket() {
		ctx, end := context.WithCancel(c.Request.Context())
		defer end()
		go func() {
			select {
			case <-f.stopping:
				end()
			case <-ctx.Done():
			}
		}()
		c.Request = c.Request.WithContext(ctx)
	}
	f.serve(c, path)
}

// ServePublic answers with a file of the folder public, which a build copies, and reports whether there is one.
func (f *Frontend) ServePublic(c *gin.Context, name string) bool {
	info, err := fs.Stat(os.DirFS(path.Join("web", f.folder, "public")), name)
	if err != nil || info.IsDir() {
		return false
	}
	f.ServeFile(c, "/static/"+f.folder+"/"+name)
	return true
}

func (f *Frontend) serve(c *gin.Context, path string) {
	inject := f.overlay.Begin()
	(&httputil.ReverseProxy{
		Transport: f.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(f.target) // with the host that Vite listens on, the only one that it answers for
			r.Out.URL.Path, r.Out.URL.RawPath = path, ""
		},
		ModifyResponse: func(resp *http.Response) error {
			if resp.StatusCode == http.StatusNotFound {
				return fs.ErrNotExist
			}
			resp.Header.Del("Access-Control-Allow-Origin") // Vite lets all sites of localhost in
			if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
				return nil
			}
			f.policy(c)
			page, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			buf := bytes.NewBuffer(page)
			inject(buf)
			resp.Body = io.NopCloser(buf)
			resp.Header.Set("Content-Length", strconv.Itoa(buf.Len()))
			resp.Header.Del("Etag")
			return err
		},
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) { f.fail(c, r, err) },
	}).ServeHTTP(c.Writer, c.Request)
}

func (f *Frontend) fail(c *gin.Context, r *http.Request, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		middleware.NotFound(c)
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client has gone, or the server stops
	default:
		c.Error(unreachable(fmt.Sprintf("the front end in web/%s does not answer (%v): the terminal with make dev "+
			"shows why; fix the cause, then start make dev again", f.folder, err)))
	}
}

// unreachable is an error without a position, so the page about it shows no line of the server's sources.
type unreachable string

func (u unreachable) Error() string { return string(u) }

// Answer implements middleware.Answerer.
func (u unreachable) Answer() (status int, text string) { return http.StatusBadGateway, string(u) }
