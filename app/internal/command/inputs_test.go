package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// signup has a field of each kind that visitors get wrong.
type signup struct {
	Name   string            `form:"name" json:"name" binding:"max=5"`
	ID     int               `form:"id" json:"id"`
	Small  int8              `form:"small" json:"small"`
	U      uint              `form:"u" json:"u"`
	Cents  float64           `form:"cents" json:"cents"`
	Donate bool              `form:"donate" json:"donate"`
	Ticks  []bool            `form:"ticks" json:"ticks"`
	Day    time.Time         `form:"day" time_format:"2006-01-02" json:"day"`
	Wait   time.Duration     `form:"wait" json:"wait"`
	Tags   []string          `form:"tags" json:"tags"`
	Map    map[string]int    `form:"map" json:"map"`
	Guests []guest           `json:"guests" form:"-"`
	IPs    []netip.Addr      `json:"ips" form:"-"`
	Deep   map[string][]uint `json:"deep" form:"-"`
	Picky  picky             `form:"picky,parser=encoding.TextUnmarshaler" json:"picky"`
	Pair   [2]int            `form:"pair" collection_format:"csv" json:"pair"`
	Inner  struct {
		Pass  string `form:"pass" json:"pass"`
		Again string `form:"again" json:"again" binding:"eqfield=Pass"`
	} `json:"inner"`
	Phone   string                `form:"phone" json:"phone" binding:"required_if=Name Bob"`
	Picture *multipart.FileHeader `form:"picture" json:"-"`
}

func signupRoutes(r *gin.Engine) {
	bind := func(read func(*gin.Context, any) error) gin.HandlerFunc {
		return kit.E(func(c *gin.Context) error {
			var in signup
			if err := read(c, &in); err != nil {
				return err
			}
			c.JSON(200, in)
			return nil
		})
	}
	r.Any("/signup", bind(kit.Bind))
	r.Any("/strict", bind(kit.BindStrict))
	r.Any("/gin", bind((*gin.Context).ShouldBind))
	r.Any("/gin-json", bind((*gin.Context).ShouldBindJSON))
	r.POST("/twice", bind(func(c *gin.Context, in any) error { kit.Bind(c, in); return kit.Bind(c, in) }))
	r.POST("/gin-twice", bind(func(c *gin.Context, in any) error { c.ShouldBindJSON(in); return c.ShouldBindJSON(in) }))
	r.POST("/file", kit.E(func(c *gin.Context) error { _, err := kit.FormFile(c, "picture"); return err }))
	r.POST("/list", kit.E(func(c *gin.Context) error { return kit.Bind(c, &[]signup{}) }))
	r.POST("/lists", kit.E(func(c *gin.Context) error { return kit.Bind(c, &[][]*signup{}) }))
	r.POST("/taken", kit.E(func(*gin.Context) error {
		return fmt.Errorf("adding a user: %w", kit.Invalid("guests/0/email", "has an account already"))
	}))
	// The form is shown again with all that could be read.
	r.POST("/shown", func(c *gin.Context) {
		var in signup
		err := kit.Bind(c, &in)
		c.JSON(422, gin.H{"in": in, "errors": kit.FieldErrors(err)})
	})
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// Each fault is told by its field, in words for people, for forms as for JSON.
func TestWhatIsWrongIsToldByField(t *testing.T) {
	t.Parallel()
	s := start(t, prod, signupRoutes)
	for _, test := range []struct{ body, pointer, detail string }{
		{"id=1.5", "#/id", "must be a whole number"}, {`{"id":1.5}`, "#/id", "must be a whole number"},
		{"id=9223372036854775808", "#/id", "is too large"}, {`{"id":9223372036854775808}`, "#/id", "is too large"},
		{"id=-9223372036854775809", "#/id", "is too small"}, {`{"small":-129}`, "#/small", "is too small"},
		{"small=128", "#/small", "is too large"}, {`{"small":1e9}`, "#/small", "must be a whole number"},
		{"u=-1", "#/u", "must be at least 0"}, {`{"u":-1}`, "#/u", "must be at least 0"},
		{"cents=12,90", "#/cents", "must be a number"}, {`{"cents":"12,90"}`, "#/cents", "must be a number"},
		{`{"cents":1e999}`, "#/cents", "is too large"}, {"cents=1e999", "#/cents", "is too large"},
		{"donate=perhaps", "#/donate", "must be true or false"}, {`{"donate":"on"}`, "#/donate", "must be true or false"},
		{"day=soon", "#/day", "must look like 2006-01-02"}, {"wait=long", "#/wait", "must be a duration such as 1m30s"},
		{"map=x", "#/map", "is not valid"}, {"pair=1", "#/pair", "is not valid"}, {"picky=wrong", "#/picky", "is not valid"},
		{`{"tags":["a",1]}`, "#/tags/1", "must be a string"}, {`{"tags":{}}`, "#/tags", "must be a list"},
		{`{"guests":[{"name":"a"},{"name":5}]}`, "#/guests/1/name", "must be a string"},
		{` {"name" : "a]\"}" , "guests" :[ {"name":"\\"}, 7 ]}`, "#/guests/1", "must be an object"},
		{`{"ips":["192.0.2.1","here","::1"]}`, "#/ips/1", "is not valid"}, {`{"picky":"wrong"}`, "#/picky", "is not valid"},
		{`{"deep":{"a/b~c":[1,2,-3]}}`, "#/deep/a~1b~0c/2", "must be at least 0"}, {`[1]`, "#", "must be an object"},
		{"pass=a&again=b", "#/inner/again", "must be the same as pass"},
		{`{"inner":{"pass":"a"}}`, "#/inner/again", "must be the same as pass"},
		{"name=Bob", "#/phone", "is required"}, {"name=Bartholomew", "#/name", "must be at most 5 characters long"},
	} {
		media := pick(strings.ContainsAny(test.body[:1], "{[ "), jsonType, formType)
		resp, body := s.do("POST", "https://shop.test/signup", test.body, "Content-Type", media)
		var problem struct{ Errors []kit.FieldError }
		json.Unmarshal([]byte(body), &problem)
		want := kit.FieldError{Pointer: test.pointer, Detail: test.detail}
		if len(problem.Errors) != 1 || problem.Errors[0] != want || resp.StatusCode != 400 && resp.StatusCode != 422 {
			t.Errorf("%s got %d %s, want %v", test.body, resp.StatusCode, body, want)
		}
		for _, inGo := range []string{"Pass", "required_if", "Bob", "eqfield", "number 1", "secret words"} {
			if strings.Contains(body, inGo) {
				t.Errorf("%s: the answer tells visitors of %q: %s", test.body, inGo, body)
			}
		}
		if media == jsonType || strings.Contains(test.body, "again") || strings.ContainsAny(test.pointer, "mwp") {
			continue // gin does not say which form's field it is
		}
		if _, body := s.do("POST", "https://shop.test/gin", test.body, "Content-Type", media); !strings.Contains(body, test.detail) {
			t.Errorf("%s by c.ShouldBind got %s, want %s", test.body, body, test.detail)
		}
	}
}

// What a client sends as null, and a form where a list is wanted, is no panic and no empty input.
func TestABodyOfAnotherShapeIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		for name, read := range map[string]func(*gin.Context, any) error{"kit": kit.Bind, "gin": (*gin.Context).ShouldBindJSON} {
			bind := func(in func() any) gin.HandlerFunc {
				return kit.E(func(c *gin.Context) error { return read(c, in()) })
			}
			r.POST("/"+name+"/pointer", bind(func() any { return new(*guest) }))
			r.POST("/"+name+"/list", bind(func() any { return &[]*guest{} }))
			r.POST("/"+name+"/lists", bind(func() any { return &[][]*guest{} }))
			r.POST("/"+name+"/map", bind(func() any { return &map[string]any{} }))
			r.POST("/"+name+"/any", bind(func() any { return new(any) }))
			r.POST("/"+name+"/strings", bind(func() any { return &map[string]string{} }))
		}
	})
	multi := "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n"
	for _, test := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/kit/pointer", "null", 422, `"#"`}, {"/kit/list", `[{"name":"a"},null]`, 422, `"#/1"`}, {"/kit/lists", "[[],[null]]", 422, `"#/1/0"`},
		{"/gin/pointer", "null", 422, `"#"`}, {"/gin/list", "[null]", 422, `"#/0"`}, {"/gin/list", `[{"name":"a"}]`, 200, ""},
		{"/kit/list", "null", 200, ""}, {"/kit/any", "null", 200, ""}, {"/kit/any", "[null]", 200, ""}, {"/kit/map", "null", 200, ""},
		{"/kit/list", "name=a", 415, "has to be JSON, not"}, {"/kit/map", "name=a", 415, "has to be JSON, not"},
		{"/kit/any", "name=a", 415, "has to be JSON, not"}, {"/kit/pointer", "x=a", 422, ""}, {"/kit/strings", "name=a", 200, ""},
		{"/kit/pointer", strings.Repeat(multi[:len(multi)-7], 1001) + multi, 413, "more than 1000 parts"},
		{"/kit/strings", multi, 415, "has to be JSON, not"}, {"/kit/list", multi, 415, "has to be JSON, not"},
	} {
		media := jsonType
		if strings.HasSuffix(test.body, "=a") {
			media = formType
		} else if strings.HasPrefix(test.body, "--x") {
			media = "multipart/form-data; boundary=x"
		}
		resp, body := s.do("POST", "https://shop.test"+test.path, test.body, "Content-Type", media)
		if resp.StatusCode != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %.99q got %d %s, want %d %s", test.path, test.body, resp.StatusCode, body, test.status, test.want)
		}
	}
}

// A field that the handler checked itself is told as those of the tags are.
func TestWhatAHandlerFindsWrongIsToldByField(t *testing.T) {
	t.Parallel()
	s := start(t, prod, signupRoutes)
	resp, body := s.do("POST", "https://shop.test/taken", "{}", "Content-Type", jsonType)
	var problem struct{ Errors []kit.FieldError }
	json.Unmarshal([]byte(body), &problem)
	want := []kit.FieldError{{Pointer: "#/guests/0/email", Detail: "has an account already"}}
	if resp.StatusCode != 422 || !slices.Equal(problem.Errors, want) || strings.Contains(body, "adding a user") {
		t.Errorf("got %d %s, want 422 and %v", resp.StatusCode, body, want)
	}
}

// A checkbox without a value sends "on". What could be read is there, whatever is wrong with the rest.
func TestAFormIsReadAsFarAsItCanBe(t *testing.T) {
	t.Parallel()
	s := start(t, prod, signupRoutes)
	multi := func(pairs ...string) (body, media string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := 0; i < len(pairs); i += 2 {
			w.WriteField(pairs[i], pairs[i+1])
		}
		file, _ := w.CreateFormFile("picture", "a.png")
		file.Write([]byte("png"))
		w.Close()
		return b.String(), w.FormDataContentType()
	}
	body, media := multi("donate", "on", "name", "Ada", "ticks", "on", "ticks", "false")
	for _, form := range [][2]string{{"donate=on&name=Ada&ticks=on&ticks=false", formType}, {body, media}} {
		resp, got := s.do("POST", "https://shop.test/signup", form[0], "Content-Type", form[1])
		if resp.StatusCode != 200 || !strings.Contains(got, `"donate":true,"ticks":[true,false]`) || !strings.Contains(got, `"name":"Ada"`) {
			t.Errorf("%s got %d %s", form[1], resp.StatusCode, got)
		}
	}
	if resp, got := s.do("GET", "https://shop.test/signup?donate=on", ""); resp.StatusCode != 200 || !strings.Contains(got, `"donate":true`) {
		t.Errorf("a query got %d %s", resp.StatusCode, got)
	}
	body, media = multi("id", "12,90", "name", "Bartholomew", "cents", "1.5", "tags", "a", "donate", "on")
	for _, form := range [][2]string{{"id=12,90&name=Bartholomew&cents=1.5&tags=a&donate=on", formType}, {body, media}} {
		_, got := s.do("POST", "https://shop.test/shown", form[0], "Content-Type", form[1])
		for _, want := range []string{`"name":"Bartholomew"`, `"cents":1.5`, `"tags":["a"]`, `"donate":true`,
			`{"pointer":"#/id","detail":"must be a whole number"}`, `{"pointer":"#/name","detail":"must be at most 5 characters long"}`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %s in %s", form[1], want, got)
			}
		}
	}
}

// A browser sends a field for a file also where its visitor chose none. A client may send a text in its place.
func TestAFormWithoutItsFileIsTheClientsFault(t *testing.T) {
	t.Parallel()
	s := start(t, prod, func(r *gin.Engine) {
		r.POST("/required", kit.E(func(c *gin.Context) error {
			var in struct {
				Picture *multipart.FileHeader   `form:"picture" binding:"required"`
				More    []*multipart.FileHeader `form:"more"`
			}
			if err := kit.Bind(c, &in); err != nil {
				return err
			}
			c.String(200, "%s and %d more", in.Picture.Filename, len(in.More))
			return nil
		}))
	})
	part := func(more, content string) string {
		return "--b\r\nContent-Disposition: form-data; name=" + more + "\r\n\r\n" + content + "\r\n"
	}
	empty := part(`"more"; filename=""`, "")
	for _, test := range []struct {
		body   string
		status int
		want   string
	}{
		{part(`"picture"; filename="a.png"`, "png") + empty, 200, "a.png and 0 more"},
		{part(`"picture"; filename=""`, "") + empty, 422, `{"pointer":"#/picture","detail":"is required"}`},
		{part(`"picture"`, "text") + empty, 422, `{"pointer":"#/picture","detail":"is required"}`},
		{empty, 422, `{"pointer":"#/picture","detail":"is required"}`},
	} {
		resp, got := s.do("POST", "https://shop.test/required", test.body+"--b--\r\n", "Content-Type", "multipart/form-data; boundary=b")
		if resp.StatusCode != test.status || !strings.Contains(got, test.want) {
			t.Errorf("%q got %d %s, want %d %s", test.body, resp.StatusCode, got, test.status, test.want)
		}
	}
}

// What is not exactly the input that the handler takes is refused, with the cause.
func TestABodyThatIsNotWhatTheHandlerTakes(t *testing.T) {
	t.Parallel()
	s := start(t, prod, signupRoutes)
	for _, test := range []struct {
		path, media, body string
		status            int
		want              string
	}{
		{"/signup", jsonType, "\uFEFF" + `{"name":"Ada"}`, 200, `"name":"Ada"`},
		{"/signup", jsonType, `{"id":1} ` + "\n\t", 200, `"id":1`},
		{"/signup", jsonType, `{"id":1} trailing`, 400, "has text after its JSON"},
		{"/signup", jsonType, `{"id":1}{"id":2}`, 400, "has text after its JSON"},
		{"/gin-json", jsonType, `{"id":1}]`, 400, "has text after its JSON"},
		{"/gin-json", jsonType, "\uFEFF{}", 200, ""},
		{"/signup", jsonType, `{"unknown":1}`, 200, ""},
		{"/strict", jsonType, `{"name":"Ada"}`, 200, ""},
		{"/strict", jsonType, `{"nmae":"Ada"}`, 400, `{"pointer":"#/nmae","detail":"is not known here"}`},
		{"/strict", jsonType, `{"guests":[{"nmae":"Ada"}]}`, 400, `{"pointer":"#/guests/0/nmae","detail":"is not known here"}`},
		{"/strict", jsonType, `{"nmae":{"nmae":1}}`, 400, `The field \"nmae\" is not known here`},
		{"/strict", formType, "name=Ada&pass=x&again=x", 200, ""},
		{"/strict", formType, "nmae=Ada", 400, `{"pointer":"#/nmae","detail":"is not known here"}`},
		{"/signup", formType, "nmae=Ada", 200, ""},
		{"/signup", "text/plain", `{"id":1}`, 415, `not \"text/plain\"`},
		{"/signup", "application/vnd.api+json", `{"id":1}`, 415, `not \"application/vnd.api+json\"`},
		{"/signup", "", `{"id":1}`, 415, "there is no Content-Type"},
		{"/signup", "", "", 200, ""},
		{"/file", "multipart/form-data", "--b--", 400, "has no boundary: the browser"},
		{"/file", jsonType, "{}", 415, "has to be a form of the type multipart/form-data"},
		{"/list", jsonType, `[{"name":"Ada"},{"name":"Bartholomew"}]`, 422, `"errors":[{"pointer":"#/1/name","detail":"must be at most 5`},
		{"/lists", jsonType, `[[],[{}, {"name":"Bartholomew"}]]`, 422, `"errors":[{"pointer":"#/1/1/name","detail":"must be at most 5`},
	} {
		resp, body := s.do("POST", "https://shop.test"+test.path, test.body, "Content-Type", test.media)
		if resp.StatusCode != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %s %q got %d %s, want %d %s", test.path, test.media, test.body, resp.StatusCode, body, test.status, test.want)
		}
	}
	if out := s.Log(); strings.Contains(out, `"ERROR"`) {
		t.Errorf("a client's fault is in the log as ours:\n%s", out)
	}
	for _, path := range []string{"/twice", "/gin-twice"} { // the handler's fault
		if resp, body := s.do("POST", "https://shop.test"+path, `{"id":1}`, "Content-Type", jsonType); resp.StatusCode != 500 {
			t.Errorf("%s got %d %s, want 500", path, resp.StatusCode, body)
		}
		if line := s.logged("request failed", "path", path); !strings.Contains(fmt.Sprint(line["error"]), "was read already") {
			t.Errorf("%s: the log says %v", path, line["error"])
		}
		if resp, body := s.do("POST", "https://shop.test"+path, "", "Content-Type", jsonType); resp.StatusCode != 400 || !strings.Contains(body, "is empty") {
			t.Errorf("%s with an empty body got %d %s, want the client's fault", path, resp.StatusCode, body)
		}
	}
}
