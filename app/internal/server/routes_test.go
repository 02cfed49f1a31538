package server

import (
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

func showClash(*gin.Context) {} // found by its name

func answerClash(*gin.Context) error { return nil }

// Two routes that clash stop the start, and the message has the method, the path and both places.
func TestRoutesThatClash(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	for name, test := range map[string]struct {
		routes func(*gin.Engine)
		want   []string
	}{
		"same": {func(r *gin.Engine) {
			r.POST("/orders/:id", showClash)
			r.GET("/orders/:id", kit.E(answerClash))
			r.GET("/orders/:id", kit.E(answerClash))
		}, []string{"routes_test.go:27: GET /orders/:id clashes with GET /orders/:id", "is registered at routes_test.go:26"}},
		"plain": {func(r *gin.Engine) {
			r.PUT("/orders", showClash)
			r.PUT("/orders", showClash)
		}, []string{"routes_test.go:31: PUT /orders clashes", "has the handler server.showClash at routes_test.go:12"}},
		"wildcard": {func(r *gin.Engine) {
			shop := r.Group("/shops")
			shop.DELETE("/:shop/a", kit.E(answerClash))
			shop.DELETE("/:id/b", showClash)
		}, []string{"routes_test.go:36: DELETE /shops/:id/b clashes with DELETE /shops/:shop/a", "registered at routes_test.go:35"}},
		"any": {func(r *gin.Engine) {
			r.PATCH("/hook", kit.E(answerClash))
			r.Any("/hook", showClash)
		}, []string{"routes_test.go:40: PATCH /hook clashes with PATCH /hook", "registered at routes_test.go:39"}},
		"catch-all": {func(r *gin.Engine) {
			r.GET("/static/style.css", showClash)
			r.GET("/static/*file", showClash)
		}, []string{"routes_test.go:44: GET /static/*file clashes with GET /static/style.css", "server.showClash"}},
		"panic": {func(*gin.Engine) { panic("no key") }, []string{"routes_test.go:46: no key"}},
	} {
		s := &Server{Options: Options{Site: kit.Site{Routes: func(r *gin.Engine, _ kit.Server) error {
			test.routes(r)
			return nil
		}}}}
		err := s.register(gin.New())
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
	}
}
