package input_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

type order struct {
	N      int       `json:"n"`
	At     time.Time `json:"at"`
	List   any       `json:"list"`
	Guests []guest   `json:"guests" binding:"dive"`
}

type guest struct {
	Email string `json:"email" binding:"required"`
}

// What is wrong with a body is told in few words, and finding it takes memory for a few copies of the body. To be seen:
// the pointers of all values of nested lists, a decoding of the whole for each value, an error for each item.
func TestAnswerToAWrongBodyIsSmallAndTakesLittleMemory(t *testing.T) {
	site := apptest.Start(t, kit.Site{
		Files: fstest.MapFS{},
		Routes: func(r *gin.Engine, _ kit.Server) error {
			r.POST("/order", kit.E(func(c *gin.Context) error { return kit.Bind(c, &order{}) }))
			r.POST("/strict", kit.E(func(c *gin.Context) error { return kit.BindStrict(c, &order{}) }))
			return nil
		},
	})
	const depth = 9_900 // encoding/json takes no more than 10,000
	nested := strings.Repeat("[", depth) + strings.Repeat("1,", 20_000) + "1" + strings.Repeat("]", depth)
	var form strings.Builder
	for i := range 9_000 {
		fmt.Fprintf(&form, "&f%d", i)
	}
	for _, test := range []struct {
		name, path, body string
		status           int
		says             string
	}{
		{"a value of another kind", "/order", `{"list": ` + nested + `, "n": "one"}`, 400, `"pointer":"#/n"`},
		{"an unknown field", "/strict", `{"list": ` + nested + `, "m": 1}`, 400, `"pointer":"#/m"`},
		{"a value that its type refuses", "/order", `{"list": [` + strings.Repeat("1,", 200_000) + `1], "at": "noon"}`, 400,
			`\"noon\" is not a time`},
		{"items without what they need", "/order", `{"guests": [` + strings.Repeat("{},", 20_000) + `{}]}`, 422,
			`"pointer":"#/guests/0/email"`},
		{"unknown fields of a form", "/strict", form.String(), 400, `"pointer":"#/f1"`},
	} {
		mediaType := "application/json"
		if strings.HasPrefix(test.body, "&") {
			mediaType = "application/x-www-form-urlencoded"
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		answer := site.Do("POST", test.path, test.body, "Content-Type", mediaType)
		runtime.ReadMemStats(&after)
		if answer.Status != test.status || !strings.Contains(answer.Body, test.says) || len(answer.Body) > 20_000 {
			t.Errorf("%s got %d and %d bytes, want %s in few:\n%.300s",
				test.name, answer.Status, len(answer.Body), test.says, answer.Body)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 100 {
			t.Errorf("%s: a body of %d KB took %d MB", test.name, len(test.body)>>10, took)
		}
	}
}
