package command_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/internal/testcert"
	"example.com/turnkey/app/kit"
)

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// closes is a function of OnStop that only notes that it was called.
func (d *diary) closes(name string) func(context.Context) error {
	return func(context.Context) error { d.note("closes " + name); return nil }
}

// lifeSite is command.Sample with more in its Routes.
func lifeSite(add func(*gin.Engine, kit.Server) error) kit.Site {
	served := command.Sample()
	served.Routes = func(r *gin.Engine, server kit.Server) error {
		if err := command.SampleRoutes(r, server); err != nil {
			return err
		}
		return add(r, server)
	}
	return served
}

// runSite runs a command, or the server if there is none, until it ends by itself. It returns the exit status and what
// was written to standard error.
func runSite(t *testing.T, served kit.Site, settings map[string]string, args ...string) (code int, said string) {
	t.Helper()
	dir := t.TempDir()
	certs := filepath.Join(dir, "certs")
	testcert.Write(t, certs, "shop.test", "www.shop.test")
	env := with(map[string]string{"HOME": dir, "HTTPS_ADDR": "localhost:0", "HTTP_ADDR": "localhost:0",
		"TLS_CERT_FILE": filepath.Join(certs, "cert.pem"), "TLS_KEY_FILE": filepath.Join(certs, "key.pem")})
	for name, value := range settings {
		env[name] = value
	}
	var errs syncBuffer
	world := command.World{Args: args, Lookup: lookupIn(env), Stdout: io.Discard, Stderr: &errs}
	code = command.Main(t.Context(), served, world)
	return code, errs.String()
}

func TestAStopClosesInReverseAfterRequestsAndJobs(t *testing.T) {
	t.Parallel()
	var d diary
	entered, release := make(chan struct{}), make(chan struct{})
	s := startSite(t, with(prod, "SHUTDOWN_GRACE", "5s"), lifeSite(func(r *gin.Engine, server kit.Server) error {
		server.OnStop(d.closes("the database"))
		server.OnStop(func(ctx context.Context) error {
			if until, ok := ctx.Deadline(); !ok || time.Until(until) < 5*time.Second {
				t.Errorf("the context ends at %v, want 5 s at least", until)
			}
			d.note("closes the cache")
			server.OnStop(d.closes("what the cache opened"))
			return nil
		})
		server.Go("mail", func(ctx context.Context) error {
			d.note("job begins")
			<-ctx.Done()
			<-release
			d.note("job ends")
			return fmt.Errorf("waiting: %w", ctx.Err())
		})
		r.GET("/slow", func(c *gin.Context) {
			close(entered)
			<-release
			server.Go("receipt", func(ctx context.Context) error {
				<-ctx.Done()
				d.note("late job ends")
				return nil
			})
			d.note("request ends")
		})
		return nil
	}))
	eventually(t, "the job", func() bool { return slices.Equal(d.all(), []string{"job begins"}) })
	go s.client.Get("https://shop.test/slow")
	<-entered
	s.stop()
	s.logged("stopping")
	close(release)
	if code := s.wait(); code != 0 || strings.Contains(s.Log(), `"level":"ERROR"`) {
		t.Errorf("exit status %d:\n%s", code, s.Log())
	}
	got := d.all()
	want := []string{"closes the cache", "closes what the cache opened", "closes the database"}
	if len(got) != 7 || !slices.Equal(got[4:], want) {
		t.Errorf("got %q, want the request and both jobs to end, then %q", got, want)
	}
}

func TestWhatFailsIsLoggedAndTheOthersStillRun(t *testing.T) {
	t.Parallel()
	var d diary
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	s := startSite(t, with(prod, "SHUTDOWN_GRACE", "300ms"), lifeSite(func(r *gin.Engine, server kit.Server) error {
		server.OnStop(func(context.Context) error {
			time.Sleep(50 * time.Millisecond) // is waited for, though the one before it took all the time
			return d.closes("the database")(nil)
		})
		server.OnStop(func(context.Context) error { <-hang; return nil })
		server.OnStop(func(context.Context) error { panic("no cache") })
		server.OnStop(func(context.Context) error { return errors.New("disk full") })
		server.Go("sums", func(context.Context) error { return errors.New("no numbers") })
		server.Go("crash", func(context.Context) error { panic("no sums") })
		server.Go("quitter", func(context.Context) error { runtime.Goexit(); return nil })
		server.Go("deaf", func(context.Context) error { <-hang; return nil })
		r.GET("/slow", func(*gin.Context) { d.note("request"); <-hang })
		return nil
	}))
	s.logged("a job failed", "job", "sums", "error", "no numbers", "level", "ERROR")
	s.logged("a job failed", "job", "quitter", "error", "it ended its goroutine", "level", "ERROR")
	crash := s.logged("a job failed", "job", "crash", "level", "ERROR")
	why, stack := fmt.Sprint(crash["error"]), fmt.Sprint(crash["stack"])
	if !strings.Contains(why, "no sums") || !strings.Contains(stack, "life_test.go") {
		t.Errorf("the panic is logged as %v, want why and where", crash)
	}
	if resp, _ := s.do("GET", "https://shop.test/", ""); resp.StatusCode != 200 {
		t.Errorf("after the panic a page got %d", resp.StatusCode)
	}
	go s.client.Get("https://shop.test/slow")
	eventually(t, "the request", func() bool { return len(d.all()) == 1 })
	begin := time.Now()
	code := s.Stop()
	if took := time.Since(begin); code != 1 || took < 5*time.Second || took > 10*time.Second {
		t.Errorf("exit status %d after %s, want 1 for the request that was cut off, after little more than 5 s", code, took)
	}
	s.logged("a job still runs after SHUTDOWN_GRACE; stopping without it", "job", "deaf", "level", "ERROR")
	s.logged("a function of OnStop failed", "error", "disk full", "level", "ERROR")
	s.logged("a function of OnStop failed", "error", "panic: no cache", "level", "ERROR")
	hung := s.logged("a function of OnStop did not return in time; stopping without it", "level", "ERROR")
	if at := fmt.Sprint(hung["registered"]); !strings.Contains(at, "life_test.go:") {
		t.Errorf("the function that hangs was registered at %q", at)
	}
	if got := d.all(); !slices.Equal(got, []string{"request", "closes the database"}) {
		t.Errorf("got %q, want the database closed though another function hangs", got)
	}
	if !strings.Contains(s.Log(), "1 request was still open") {
		t.Errorf("the request that was cut off is not in\n%s", s.Log())
	}
}

// A start that Routes refuses has held its ports, has served nothing and closes what was opened.
func TestAStartThatRoutesRefusesServesNothingAndCloses(t *testing.T) {
	t.Parallel()
	project := command.Project()
	for _, test := range []struct {
		name string
		end  func() error
		said string
	}{
		{"an error", func() error { return errors.New("opening the shop: no shop") }, project + ": opening the shop: no shop\n"},
		{"a panic", func() error { panic("no such shop") }, ": no such shop\n"},
		{"what only the routes can show", func() error { return nil }, "/nowhere"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var d diary
			var visitor net.Conn
			addr := freeAddr(t)
			served := lifeSite(func(_ *gin.Engine, server kit.Server) error {
				server.OnStop(d.closes("the database"))
				server.OnStop(d.closes("the cache"))
				server.Go("mail", func(context.Context) error { d.note("job"); return nil })
				var err error
				if visitor, err = net.Dial("tcp", addr); err != nil {
					t.Errorf("the port is not held: %v", err)
					return err
				}
				io.WriteString(visitor, "GET /healthz HTTP/1.0\r\n\r\n")
				return test.end()
			})
			served.BodyLimits = map[string]int64{"/nowhere": 1}
			code, said := runSite(t, served, with(prod, "HTTP_ADDR", addr))
			if code != 1 || !strings.Contains(said, test.said) || strings.Contains(said, "goroutine") {
				t.Errorf("exit status %d and %q, want 1 and %q", code, said, test.said)
			}
			if got := d.all(); !slices.Equal(got, []string{"closes the cache", "closes the database"}) {
				t.Errorf("got %q, want both closed, the last first, and no job", got)
			}
			if visitor == nil {
				t.Fatal("Routes was not called")
			}
			defer visitor.Close()
			visitor.SetDeadline(time.Now().Add(10 * time.Second))
			if answer, _ := io.ReadAll(visitor); len(answer) > 0 {
				t.Errorf("a visitor was answered %q", answer)
			}
		})
	}
}

// freeAddr is a port that nothing listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestOnlyAStartCallsRoutes(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	served := command.Sample()
	served.Routes = func(*gin.Engine, kit.Server) error { t.Error("Routes was called"); return nil }
	for _, test := range []struct {
		args     string
		settings map[string]string
		code     int
	}{
		{"check", nil, 0}, {"version", nil, 0}, {"--help", nil, 0}, {"healthcheck", nil, 1}, {"frobnicate", nil, 2},
		{"serve", map[string]string{"HSTS": "for ever"}, 1},
		{"serve", map[string]string{"HTTP_ADDR": busy.Addr().String()}, 1},
		{"serve", map[string]string{"TLS_CERT_FILE": filepath.Join(t.TempDir(), "none.pem")}, 1},
	} {
		settings := with(prod)
		for name, value := range test.settings {
			settings[name] = value
		}
		if code, said := runSite(t, served, settings, test.args); code != test.code {
			t.Errorf("%s %v: exit status %d, want %d: %s", test.args, test.settings, code, test.code, said)
		}
	}
}

// Handlers may call Go and OnStop at any time, and from many requests at once.
func TestWhatAHandlerRegisters(t *testing.T) {
	t.Parallel()
	var d diary
	var server kit.Server
	s := startSite(t, prod, lifeSite(func(r *gin.Engine, its kit.Server) error {
		server = its
		r.GET("/register", func(c *gin.Context) {
			begun := make(chan struct{})
			server.OnStop(d.closes("by a handler"))
			server.Go("by a handler", func(ctx context.Context) error {
				close(begun)
				<-ctx.Done()
				d.note("job ends")
				return nil
			})
			<-begun
			c.Status(204)
		})
		return nil
	}))
	var visitors sync.WaitGroup
	for range 20 {
		visitors.Go(func() {
			if resp, _ := s.do("GET", "https://shop.test/register", ""); resp.StatusCode != 204 {
				t.Errorf("got %d", resp.StatusCode)
			}
		})
	}
	visitors.Wait()
	if code := s.Stop(); code != 0 {
		t.Errorf("exit status %d:\n%s", code, s.Log())
	}
	want := slices.Concat(slices.Repeat([]string{"job ends"}, 20), slices.Repeat([]string{"closes by a handler"}, 20))
	if got := d.all(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	server.OnStop(d.closes("what came too late"))
	server.Go("too late", func(context.Context) error { d.note("job begins too late"); return nil })
	if got := d.all(); len(got) != 41 || got[40] != "closes what came too late" {
		t.Errorf("after the stop: %q", got[40:])
	}
}
