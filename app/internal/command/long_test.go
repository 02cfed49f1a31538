package command_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
)

// A stop waits for what takes long, of each kind: for as long as SHUTDOWN_GRACE if the handler does not end it.
func TestAStopWaitsForWhatTakesLong(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(c *gin.Context, until <-chan struct{}) error{
		"download": func(c *gin.Context, until <-chan struct{}) error {
			c.String(200, "begins")
			c.Writer.Flush()
			<-until
			return nil
		},
		"events": func(c *gin.Context, until <-chan struct{}) error {
			err := kit.Event(c, "tick", 1)
			<-until
			return err
		},
		"websocket": func(c *gin.Context, until <-chan struct{}) error {
			ws, err := websocket.Accept(c.Writer, c.Request, nil)
			if err != nil {
				return err
			}
			defer ws.CloseNow()
			ws.Write(c, websocket.MessageText, []byte("begins"))
			<-until
			return ws.Close(websocket.StatusGoingAway, "")
		},
	}
	for kind, handle := range kinds {
		for _, listens := range []bool{true, false} {
			t.Run(kind+pick(listens, " that listens", " that does not"), func(t *testing.T) {
				t.Parallel()
				never := make(chan struct{})
				t.Cleanup(func() { close(never) })
				site := command.Sample()
				own := site.Routes
				site.Routes = func(r *gin.Engine, server kit.Server) error {
					r.GET("/long", kit.E(func(c *gin.Context) error {
						if err := kit.Stream(c); err != nil {
							return err
						}
						return handle(c, pick(listens, server.Stopping(), never))
					}))
					return own(r, server)
				}
				grace := pick(listens, "10s", "1s")
				s := startSite(t, with(prod, "SHUTDOWN_GRACE", grace), site)
				client := &http.Client{Transport: onlyHTTP1(s.client.Transport.(*http.Transport))}
				if kind == "websocket" {
					ws, _, err := websocket.Dial(t.Context(), "https://shop.test/long", &websocket.DialOptions{HTTPClient: client})
					if err != nil {
						t.Fatal(err)
					}
					defer ws.CloseNow()
					ws.Read(t.Context())
					go ws.Read(t.Context()) // answers the server's close
				} else {
					resp, err := client.Get("https://shop.test/long")
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					resp.Body.Read(make([]byte, 1))
					go io.ReadAll(resp.Body)
				}
				s.stop()
				if code := s.wait(); code != pick(listens, 0, 1) {
					t.Errorf("the exit status is %d:\n%s", code, s.Log())
				}
				if kind == "websocket" && listens {
					s.logged("request", "path", "/long")
				}
			})
		}
	}
}

// The access log has the status with which a WebSocket begins.
func TestAWebSocketIsLoggedAs101(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.GET("/accept", func(c *gin.Context) {
			if ws, err := websocket.Accept(c.Writer, c.Request, nil); err == nil {
				ws.CloseNow()
			}
		})
		r.GET("/hijack", func(c *gin.Context) { // as libraries do that write the header themselves
			if conn, _, err := c.Writer.Hijack(); err == nil {
				conn.Close()
			}
		})
		r.GET("/refused", kit.E(func(c *gin.Context) error { _, err := websocket.Accept(c.Writer, c.Request, nil); return err }))
	})
	client := &http.Client{Transport: onlyHTTP1(s.client.Transport.(*http.Transport))}
	for path, status := range map[string]float64{"/accept": 101, "/hijack": 101, "/refused": 403} {
		origin := pick(path == "/refused", "https://evil.test", "https://shop.test")
		ws, resp, _ := websocket.Dial(t.Context(), "https://shop.test"+path, &websocket.DialOptions{HTTPClient: client,
			HTTPHeader: http.Header{"Origin": {origin}}})
		if ws != nil {
			ws.CloseNow()
		}
		if line := s.logged("request", "path", path); line["status"] != status {
			t.Errorf("%s is logged with %v, want %v", path, line["status"], status)
		}
		if path == "/refused" && (resp == nil || resp.StatusCode != 403) {
			t.Errorf("a page of another site got %v", resp)
		}
	}
}
