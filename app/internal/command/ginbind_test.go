package command_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// What a client sent wrong is its own fault, whichever function of gin or of the standard library a handler reads it
// with.
func TestAHandlerMayReadInputByItself(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		type input struct {
			Addr  netip.Addr   `form:"addr,parser=encoding.TextUnmarshaler" header:"addr,parser=encoding.TextUnmarshaler" uri:"addr,parser=encoding.TextUnmarshaler"`
			Net   netip.Prefix `form:"net,parser=encoding.TextUnmarshaler"`
			Big   *big.Int     `form:"big,parser=encoding.TextUnmarshaler"`
			Limit uint8        `header:"X-Limit"`
		}
		bind := func(read func(*gin.Context, any) error) gin.HandlerFunc {
			return kit.E(func(c *gin.Context) error { return read(c, &input{}) })
		}
		r.GET("/by/query", bind((*gin.Context).ShouldBindQuery))
		r.Any("/by/form", bind((*gin.Context).ShouldBind))
		r.GET("/by/header", bind((*gin.Context).ShouldBindHeader))
		r.GET("/by/path/:addr", bind((*gin.Context).ShouldBindUri))
		for name, parse := range map[string]func(string) error{
			"url":  func(v string) error { _, err := url.ParseRequestURI(v); return err },
			"mac":  func(v string) error { _, err := net.ParseMAC(v); return err },
			"addr": func(v string) error { _, err := netip.ParseAddr(v); return err },
			"zone": func(v string) error { _, err := time.LoadLocation(v); return err },
			"port": func(v string) error { _, _, err := net.SplitHostPort(v); return err },
		} {
			r.GET("/parse/"+name, kit.E(func(c *gin.Context) error { return parse(c.Query("v")) }))
		}
		r.GET("/cookie", kit.E(func(c *gin.Context) error { _, err := c.Cookie("theme"); return err }))
		r.POST("/decode", kit.E(func(c *gin.Context) error { return json.NewDecoder(c.Request.Body).Decode(&order{}) }))
		r.POST("/unmarshal", kit.E(func(c *gin.Context) error {
			body, err := c.GetRawData()
			if err != nil {
				return err
			}
			return json.Unmarshal(body, &order{})
		}))
		// These are not about what the client sent.
		ours := func(path string, err error) {
			r.POST(path, kit.E(func(c *gin.Context) error {
				if err := json.NewDecoder(c.Request.Body).Decode(&order{}); err != nil {
					return err
				}
				return err
			}))
		}
		ours("/ours/wrapped", fmt.Errorf("asking for %q: %w", "blue", io.ErrUnexpectedEOF))
		ours("/ours/type", &databaseError{`the table "blue" is gone`})
		ours("/ours/stored", fmt.Errorf("the shade %q of the shop is unknown", "blue"))
		ours("/ours/dial", &url.Error{Op: "Get", URL: "blue", Err: errors.New("no route")})
		ours("/ours/json", json.Unmarshal([]byte("<html>"), &order{}))
		ours("/ours/json-field", json.Unmarshal([]byte(`{"a":1,"b":2,"c":[],"count":"many"}`), &order{}))
	})
	for _, test := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/by/query?addr=blue", "", 400, "#/addr"},
		{"/by/form?addr=blue", "", 400, "#/addr"}, {"/by/form?net=blue", "", 400, "#/net"}, {"/by/form?big=blue", "", 400, "#/big"},
		{"/by/form", "addr=blue", 400, "#/addr"}, {"/by/header", "", 400, "blue"}, {"/by/path/blue", "", 400, "blue"},
		{"/parse/url?v=blue", "", 400, "is not a URL"}, {"/parse/mac?v=blue", "", 400, "is not a valid address"},
		{"/parse/addr?v=blue", "", 400, "is not valid"}, {"/parse/zone?v=blue", "", 400, "is not a time zone"},
		{"/parse/port?v=blue", "", 400, "is not a valid address"}, {"/cookie", "", 400, "A cookie is missing"},
		{"/decode", "[", 400, "in the middle"}, {"/decode", `{"count":"many"}`, 400, "#/count"}, {"/decode", " ", 400, "is empty"},
		{"/unmarshal", "blue", 400, "byte 1"}, {"/unmarshal", `{"count":1.5}`, 400, "#/count"}, {"/unmarshal", `{"count":`, 400, "in the middle"},
		{"/ours/wrapped?v=blue", "{}", 500, ""}, {"/ours/type?v=blue", "{}", 500, ""}, {"/ours/stored?v=blue", "{}", 500, ""},
		{"/ours/dial?v=blue", "{}", 500, ""}, {"/ours/json", "{}", 500, ""}, {"/ours/json-field", "{}", 500, ""},
	} {
		method, media := pick(test.body == "", "GET", "POST"), pick(strings.Contains(test.body, "="), formType, jsonType)
		headers := []string{"Content-Type", media}
		if test.path == "/by/header" {
			headers = append(headers, "Addr", "blue")
		}
		resp, body := s.do(method, "https://shop.test"+test.path, test.body, headers...)
		if resp.StatusCode != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %s got %d %s, want %d %q", test.path, test.body, resp.StatusCode, body, test.status, test.want)
		}
	}
	if resp, body := s.do("POST", "https://shop.test/decode", ""); resp.StatusCode != 400 {
		t.Errorf("no body got %d %s", resp.StatusCode, body)
	}
	if resp, body := s.do("POST", "https://shop.test/unmarshal", "", "Content-Type", jsonType); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("no body got %d %s", resp.StatusCode, body)
	}
	for _, line := range s.lines("request failed") {
		if !strings.HasPrefix(line["path"].(string), "/ours/") {
			t.Errorf("what the client sent wrong is logged: %v", line)
		}
	}
}

// databaseError is an error of a library, with a type of its own.
type databaseError struct{ text string }

func (e *databaseError) Error() string { return e.text }
