package handlers

import (
	"html"
	"net/url"
	"regexp"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/apptest"
	"example.com/turnkey/app/kit"
)

// ordersSite is the site with a page for users, and one for all.
func ordersSite() kit.Site {
	site := Site
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		err := Site.Routes(r, server)
		r.GET("/test-open", func(c *gin.Context) { c.Status(204) })
		orders := r.Group("/test-orders", kit.E(onlyUsers))
		orders.GET("/:id", func(c *gin.Context) { c.String(200, c.Param("id")) })
		orders.POST("/:id", func(c *gin.Context) { c.Status(204) })
		return err
	}
	return site
}

var hiddenNext = regexp.MustCompile(`<input type="hidden" name="next" value="([^"]*)">`)

// submit sends the form of a page with what the page has put into it.
func submit(visitor *apptest.Site, path string, page *apptest.Answer, email, password string) *apptest.Answer {
	form := url.Values{"email": {email}, "password": {password}}
	if next := hiddenNext.FindStringSubmatch(page.Body); next != nil {
		form.Set("next", html.UnescapeString(next[1]))
	}
	return visitor.PostForm(path, form)
}

func TestAVisitorReturnsToThePageThatHeWanted(t *testing.T) {
	t.Parallel()
	site, email := apptest.Start(t, ordersSite()), address("ada")
	register(t, site.Visitor(), email)
	const wanted = `/test-orders/7?size="big"&from=https://example.com/a%26b`
	sentTo := func(visitor *apptest.Site) *apptest.Answer {
		t.Helper()
		answer := visitor.Get(wanted, "Accept", "text/html")
		if answer.Status != 303 {
			t.Fatalf("a stranger got %d", answer.Status)
		}
		return visitor.Get(answer.Header.Get("Location"))
	}

	ada := site.Visitor()
	page := submit(ada, "/sign-in", sentTo(ada), email, "a wrong password")
	answer := submit(ada, "/sign-in", page, email, goodPassword)
	if to := answer.Header.Get("Location"); to != wanted {
		t.Errorf("after a wrong password and the right one, %d leads to %q", answer.Status, to)
	}
	if got := ada.Get(answer.Header.Get("Location")); got.Body != "7" {
		t.Errorf("the page got %d %q", got.Status, got.Body)
	}

	eve := site.Visitor()
	link := regexp.MustCompile(`href="(/register[^"]*)"`).FindStringSubmatch(sentTo(eve).Body)
	answer = submit(eve, "/register", eve.Get(html.UnescapeString(link[1])), address("eve"), goodPassword)
	if to := answer.Header.Get("Location"); to != wanted {
		t.Errorf("after registering, %d leads to %q", answer.Status, to)
	}

	// What was sent is not sent again, so there is no page to return to.
	sent := site.Visitor().PostForm("/test-orders/7", nil, "Accept", "text/html")
	if to := sent.Header.Get("Location"); sent.Status != 303 || to != "/sign-in" {
		t.Errorf("a form of a stranger got %d to %q", sent.Status, to)
	}
}

// A stranger may have made the link to the form.
func TestAfterSigningInNoVisitorIsSentToAnotherSite(t *testing.T) {
	t.Parallel()
	site, ada := apptest.Start(t, Site), address("ada")
	register(t, site, ada)
	for next, want := range map[string]string{
		"":                            "/account",
		"/":                           "/",
		"/notes?page=2":               "/notes?page=2",
		"//evil.test":                 "/account",
		"///evil.test":                "/account",
		`/\evil.test`:                 "/account",
		`\/evil.test`:                 "/account",
		`/a\..\\evil.test`:            "/account",
		"/\t/evil.test":               "/account",
		"/\r\n/evil.test":             "/account",
		"/\u0085/evil.test":           "/account",
		"/notes//evil.test":           "/account",
		"https://evil.test/":          "/account",
		"https:evil.test":             "/account",
		"javascript:alert(1)":         "/account",
		"notes":                       "/account",
		" /notes":                     "/account",
		"/" + string(make([]byte, 2)): "/account",
	} {
		form := url.Values{"email": {ada}, "password": {goodPassword}, "next": {next}}
		answer := site.PostForm("/sign-in", form)
		if to := answer.Header.Get("Location"); answer.Status != 303 || to != want {
			t.Errorf("%q leads to %q with %d, want %q", next, to, answer.Status, want)
		}
	}
}
