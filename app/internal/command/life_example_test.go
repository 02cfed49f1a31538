package command_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
)

// shelfFile is where the example keeps its lines, and a request gets what it puts on the shelf from delivery. Only
// TestARequestThatOutlastsTheSignalHasItsShelf uses them.
var (
	shelfFile string
	delivery  = make(chan string)
)

// lifeRoutes has the code that the README of kit shows under "Opening and closing".
func lifeRoutes(r *gin.Engine, server kit.Server) error {
	shelf, err := openShelf(shelfFile)
	if err != nil {
		return fmt.Errorf("opening the shelf: %w", err)
	}
	server.OnStop(func(context.Context) error { return shelf.Close() })
	server.Once("sweep the shelf", time.Minute, shelf.Sweep)
	r.GET("/shelf", kit.E(showShelf(shelf)))
	r.POST("/shelf", kit.E(fillShelf(shelf)))
	return nil
}

// shelf is a file of lines, as a database would be. Its methods fail once it is closed.
type shelf struct {
	mu   sync.Mutex
	file *os.File
}

func openShelf(path string) (*shelf, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &shelf{file: file}, nil
}

func (s *shelf) Close() error { return s.file.Close() }

func (s *shelf) Add(line string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := fmt.Fprintln(s.file, line)
	return err
}

func (s *shelf) All() (string, error) {
	data, err := io.ReadAll(io.NewSectionReader(s.file, 0, 1<<20))
	return string(data), err
}

// Sweep removes everything.
func (s *shelf) Sweep(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Truncate(0)
}

func showShelf(s *shelf) func(*gin.Context) error {
	return func(c *gin.Context) error {
		all, err := s.All()
		if err != nil {
			return err
		}
		c.String(200, "on the shelf: %s", all)
		return nil
	}
}

// fillShelf uses the shelf only when there is a delivery.
func fillShelf(s *shelf) func(*gin.Context) error {
	return func(c *gin.Context) error {
		c.Writer.WriteHeaderNow()
		c.Writer.Flush() // the visitor knows that the request has begun
		if err := s.Add(<-delivery); err != nil {
			return err
		}
		all, err := s.All()
		if err != nil {
			return err
		}
		c.String(200, "%s", all)
		return nil
	}
}

// TestARequestThatOutlastsTheSignalHasItsShelf stops the site of the README in the middle of a request.
func TestARequestThatOutlastsTheSignalHasItsShelf(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	shelfFile = filepath.Join(folder, "shelf")
	served := command.Sample()
	served.Routes = lifeRoutes
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		os.WriteFile(shelfFile, []byte("old cake\n"), 0o600)
		s := startSite(t, with(prod, "SHUTDOWN_GRACE", "5s"), served)
		if protocol == "HTTP/1.1" {
			s.client.Transport = onlyHTTP1(s.client.Transport.(*http.Transport))
		}
		eventually(t, "a swept shelf", func() bool {
			_, body := s.do("GET", "https://shop.test/shelf", "")
			return body == "on the shelf: "
		})
		resp, err := s.client.Post("https://shop.test/shelf", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		s.stop()
		refused(t, s.https)
		delivery <- "tea"
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.Proto != protocol || resp.StatusCode != 200 || err != nil || string(body) != "tea\n" {
			t.Errorf("%s: got %d %q, %v; want what the request has put on the shelf", resp.Proto, resp.StatusCode, body, err)
		}
		if code := s.wait(); code != 0 || strings.Contains(s.Log(), `"level":"ERROR"`) {
			t.Errorf("%s: exit status %d:\n%s", protocol, code, s.Log())
		}
	}
	shelfFile = filepath.Join(folder, "missing", "shelf")
	code, said := runSite(t, served, prod)
	if want := command.Project() + ": opening the shelf: open " + shelfFile; code != 1 || !strings.HasPrefix(said, want) {
		t.Errorf("without the folder: exit status %d and %q, want 1 and %q", code, said, want)
	}
}
