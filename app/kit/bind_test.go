package kit

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// A test of a handler alone runs none of the middleware. The validator keeps a type's names of fields for the life of
// the process, so those that Bind makes there are those of the site in the next test.
func TestBindNamesFieldsAsClientsDoWithoutTheMiddleware(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.POST("/", func(c *gin.Context) {
		var in struct {
			Text string `json:"text" binding:"required"`
		}
		if fields := FieldErrors(Bind(c, &in)); len(fields) != 1 || fields[0].Pointer != "#/text" {
			t.Errorf("the fields are %v, want #/text", fields)
		}
	})
	server := httptest.NewServer(r)
	defer server.Close()
	resp, err := http.Post(server.URL, "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
