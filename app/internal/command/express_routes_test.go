package command_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/middleware"
)

// This file has the right column of the table for people from Express as code, to which express_visits_test.go sends
// requests. In the table the code is in package handlers, which explains the names here.
var (
	E, Status, Stream = kit.E, kit.Status, kit.Stream
	Bind              = kit.Bind
	Cookie, SetCookie = kit.Cookie, kit.SetCookie

	FormFile, SaveUpload, Attachment, Event = kit.FormFile, kit.SaveUpload, kit.Attachment, kit.Event
	Invalid                                 = kit.Invalid
)

// BodyLimits and BodyTypes have the names from package handlers. In these tests each site has its own.
var (
	BodyLimits = map[string]int64{
		"/api/pictures": 20 << 20,
	}
	BodyTypes = map[string][]string{
		"/express/feed": {"application/xml", "text/xml"},
	}
)

// expressSite has what handlers/site.go declares.
var expressSite = kit.Site{
	Settings: []kit.Setting{
		{Name: "STRIPE_KEY", About: "the key of the account at Stripe", Required: true, Secret: true, InTests: "sk_test"},
		{Name: "SHOP_NAME", About: "the name in the title of each page", Default: "The shop"},
	},
	Commands: []kit.Command{
		{Name: "adduser", About: "add a user: adduser ada@example.com", Run: addUser},
	},
	Routes: func(r *gin.Engine, server kit.Server) error {
		r.GET("/env", func(c *gin.Context) { c.String(200, server.Setting("STRIPE_KEY")) })
		server.Once("send the news", 24*time.Hour, sendNews)
		return nil
	},
}

func addUser(ctx context.Context, call kit.Call) error {
	dir, err := call.DataDir()
	if err != nil || len(call.Args) != 1 {
		return cmp.Or(err, errors.New("write: adduser ada@example.com"))
	}
	fmt.Fprintln(call.Stdout, call.Setting("SHOP_NAME"), "has a new user", call.Args[0])
	return os.WriteFile(filepath.Join(dir, "users.txt"), []byte(call.Args[0]), 0o600)
}

// newsSent gets a value at each call of sendNews, unless it has one.
var newsSent = make(chan bool, 1)

func sendNews(context.Context) error {
	select {
	case newsSent <- true:
	default:
	}
	return nil
}

// purchase is the JSON that the routes read and write.
type purchase struct {
	Email string `json:"email" form:"email" xml:"email" binding:"required,email"`
}

func expressRoutes(dir string) func(*gin.Engine) {
	return func(engine *gin.Engine) {
		engine.POST("/api/pictures", E(takePicture(dir)))
		r := engine.Group("/express")
		expressRequests(r, dir)
		expressAnswers(r, dir)
		expressMiddleware(r)
	}
}

func expressRequests(r *gin.RouterGroup, dir string) {
	showOrder := func(c *gin.Context) { c.String(200, "order %s, page %s", c.Param("id"), c.DefaultQuery("page", "1")) }
	r.GET("/orders/:id", showOrder)
	r.POST("/orders/:id", showOrder)
	r.GET("/orders/", func(c *gin.Context) { c.String(200, "all orders") })
	r.Any("/hook", func(c *gin.Context) { c.String(200, c.Request.Method) })
	r.POST("/json", E(func(c *gin.Context) error {
		var in purchase
		if err := Bind(c, &in); err != nil {
			return err
		}
		c.JSON(201, in)
		return nil
	}))
	r.POST("/form", E(func(c *gin.Context) error {
		var in purchase
		if err := Bind(c, &in); err != nil {
			return err
		}
		c.String(200, in.Email)
		return nil
	}))
	r.POST("/feed", E(func(c *gin.Context) error {
		var in purchase
		if err := Bind(c, &in); err != nil {
			return err
		}
		c.String(200, in.Email)
		return nil
	}))
	r.POST("/raw", E(func(c *gin.Context) error {
		body, err := c.GetRawData()
		if err != nil {
			return err
		}
		c.String(200, "%s", body)
		return nil
	}))
	r.GET("/about", func(c *gin.Context) {
		c.JSON(200, gin.H{"agent": c.GetHeader("User-Agent"), "ip": c.ClientIP(), "scheme": c.Request.URL.Scheme, "host": c.Request.Host})
	})
	r.GET("/theme", func(c *gin.Context) { c.String(200, Cookie(c, "theme")) })
}

func takePicture(dir string) func(*gin.Context) error {
	return func(c *gin.Context) error {
		file, err := FormFile(c, "picture")
		if err != nil {
			return err
		}
		name, err := SaveUpload(file, dir)
		if err != nil {
			return err
		}
		c.Header("X-Name", name)
		c.String(200, "%d", file.Size)
		return nil
	}
}

func expressAnswers(r *gin.RouterGroup, dir string) {
	data := command.Seen{Scheme: "https", Client: "192.0.2.77"}
	r.GET("/page", func(c *gin.Context) { c.HTML(200, "home", data) })
	r.GET("/hello", func(c *gin.Context) { c.String(200, "hello") })
	r.GET("/order", func(c *gin.Context) { c.JSON(200, purchase{"ada@shop.test"}) })
	r.DELETE("/order", func(c *gin.Context) { c.Status(204) })
	r.GET("/moved", func(c *gin.Context) { c.Redirect(303, "/login") })
	path := filepath.Join(dir, "report.pdf")
	r.GET("/file", func(c *gin.Context) { c.File(path) })
	r.GET("/download", func(c *gin.Context) { Attachment(c, path, "Rechnung März.pdf") })
	r.GET("/header", func(c *gin.Context) { c.Header("X-Robots-Tag", "noindex") })
	r.GET("/format", func(c *gin.Context) {
		switch c.NegotiateFormat("text/html", "application/json") {
		case "text/html":
			c.HTML(200, "home", data)
		case "application/json":
			c.JSON(200, data)
		default:
			c.Error(Status(406, "There is HTML and JSON"))
		}
	})
	r.POST("/theme", func(c *gin.Context) { SetCookie(c, "theme", "dark", 30*24*time.Hour) })
	r.DELETE("/theme", func(c *gin.Context) { SetCookie(c, "theme", "", -1) })
	sessions := map[string]string{} // in your site this is a table of a database
	r.POST("/session", func(c *gin.Context) {
		id := rand.Text()
		sessions[id] = "Ada"
		SetCookie(c, "cart", id, 0)
	})
	r.GET("/session", func(c *gin.Context) { c.String(200, sessions[Cookie(c, "cart")]) })
	fail := func(*gin.Context) error { return errors.New("the cause is for the log") }
	r.GET("/fail", E(fail))
	r.GET("/fail-later", func(c *gin.Context) {
		if err := fail(c); err != nil {
			c.Error(err)
			return
		}
	})
	r.GET("/no-order", E(func(c *gin.Context) error {
		return Status(404, "no such order")
	}))
	r.GET("/ticks", E(func(c *gin.Context) error {
		if err := Stream(c); err != nil {
			return err
		}
		for i := range 3 {
			if err := Event(c, "tick", i); err != nil {
				return nil
			}
		}
		return nil
	}))
}

func expressMiddleware(r *gin.RouterGroup) {
	onlyAdmins := func(c *gin.Context) {
		if c.GetHeader("X-Role") != "admin" {
			c.Error(Status(403, "admins only"))
			c.Abort()
		}
	}
	admin := r.Group("/admin", onlyAdmins)
	admin.GET("/", func(c *gin.Context) { c.String(200, "welcome") })

	loadShop := func(c *gin.Context) { c.Set("shop", "shop "+c.Param("shop")) }
	shop := r.Group("/shops/:shop", loadShop)
	shop.GET("/", func(c *gin.Context) { c.String(200, c.GetString("shop")) })

	login := func(c *gin.Context) { c.String(200, "come in") }
	r.POST("/login", middleware.RateLimit(5, time.Minute), login)
	r.GET("/map", middleware.CSP("img-src https://tile.test"), login)

	timing := func(c *gin.Context) {
		begin := time.Now()
		c.Next()
		c.Header("Server-Timing", "app;dur="+time.Since(begin).String())
	}
	r.GET("/untimed", func(c *gin.Context) {})
	r.Use(timing)
	r.GET("/timed", func(c *gin.Context) {})
}

// expressFallback has the recipes of a single-page app and of a WebSocket. express_recipes_test.go has the others.
func expressFallback(r *gin.Engine, server kit.Server) {
	r.NoRoute(E(func(c *gin.Context) error {
		if strings.Contains(c.GetHeader("Accept"), "text/html") && c.Request.Method == "GET" && !strings.HasPrefix(c.Request.URL.Path, "/api/") {
			c.HTML(200, "app", nil) // web/templates/app.html
			return nil
		}
		return Status(404, "There is nothing at this address")
	}))

	r.GET("/ws", E(func(c *gin.Context) error {
		// Another site's page may open this too, and your visitor's cookies come along.
		if !c.IsWebsocket() || c.GetHeader("Origin") != "https://"+c.Request.Host {
			return Status(403, "only for pages of this site")
		}
		ws, err := websocket.Accept(c.Writer, c.Request, nil) // github.com/coder/websocket
		if err != nil {
			return err // Accept has answered
		}
		defer ws.CloseNow()
		ended := make(chan struct{})
		defer close(ended)
		go func() {
			select {
			case <-server.Stopping():
				ws.Close(websocket.StatusGoingAway, "the server stops") // ends the Read below
			case <-ended:
			}
		}()
		for {
			kind, text, err := ws.Read(c.Request.Context())
			if err != nil {
				return nil // the visitor has left
			}
			if err := ws.Write(c.Request.Context(), kind, text); err != nil {
				return nil
			}
		}
	}))
}

// expressSupertest sends a request to a router without running the rest of the program.
func expressSupertest(t *testing.T, r http.Handler) *http.Response {
	t.Helper()
	srv := httptest.NewServer(r)
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/express/hello")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}
