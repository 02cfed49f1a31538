//go:build unix

package shop

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/turnkey/e2e/rename/clone"
	"example.com/turnkey/e2e/rig"
)

const site = "https://shop.test"

// sells visits the shop in production: its owner in one browser, and a customer, Ada, in another.
func sells(t *testing.T, p *clone.Project) {
	live := p.Deploy(t, "ACCOUNT_ADMINS=owner@shop.test")
	server := live.Start(t)
	live.Run(t, "addproduct", "Sencha", "450", "12") // beside the server
	owner := rig.Browser(t, live.Sites, live.Root)
	ada := rig.Browser(t, live.Sites, live.Root)

	owner.Visit(t, strings.Fields(live.Run(t, "account", "owner@shop.test"))[0], "")
	submit(t, owner, "/new-password", "password", "four words of mine")
	owner.Await(t, "the owner", "document.querySelector('header').textContent.includes('owner@shop.test')")
	addsAProduct(t, owner)
	look(t, owner, "home")
	owner.Evaluate(t, "window.same = true", nil)

	ordersACart(t, ada)
	owner.Await(t, "the stock on the page that is open",
		`window.same && document.querySelector('[data-product="2"]').textContent == '1'`)
	owner.RefusesNothing(t)
	ada.Visit(t, site+"/support", "Ask us")
	ada.Await(t, "a connection", "!document.querySelector('#chat button').disabled")
	submit(t, ada, "", "question", "Is there any genmaicha?")
	ada.Await(t, "an answer", "document.querySelector('#answers').textContent.includes('Genmaicha: 1 left')")
	ada.RefusesNothing(t)
	usesTheAPI(t, live, ada)

	ada.Visit(t, site+"/desk/stock/", "Forbidden")
	owner.Visit(t, site+"/desk/stock/", "")
	owner.Await(t, "the desk", "[...document.querySelectorAll('li')].some(li => li.textContent == 'Genmaicha: 1')")
	owner.RefusesNothing(t)

	putsInCart(t, ada, "Sencha")
	filled := time.Now().Unix()
	ada.Visit(t, site+"/support", "Ask us") // a WebSocket, and a stream of events at the desk
	server.Signal(t, syscall.SIGTERM)
	if status := server.ExitCode(t, time.Minute); status != 0 || strings.Contains(server.Stdout(), `"level":"ERROR"`) {
		t.Errorf("the stop ended with %d:\n%s", status, server.Stdout())
	}
	rig.Eventually(t, time.Minute, "a later second", func() bool { return time.Now().Unix() > filled })
	live.Start(t, "CART_LIFE=1ms")
	ada.Visit(t, site+"/orders", "Your orders")
	ada.Await(t, "the order of before", "document.querySelector('table').textContent.includes('2 × Genmaicha')")
	rig.Eventually(t, 2*time.Minute, "the end of an abandoned cart", func() bool {
		var empty bool
		ada.Evaluate(t, "fetch('/cart').then(page => page.text()).then(text => text.includes('nothing in it'))", &empty)
		return empty
	})
	check := p.Command("CART_LIFE=soon bin/shop check")
	if out, err := check.CombinedOutput(); err == nil || !strings.Contains(string(out), `CART_LIFE="soon"`) {
		t.Errorf("the setting is not checked:\n%s", out)
	}
}

// addsAProduct sends the form, first with faults.
func addsAProduct(t *testing.T, owner *rig.Devtools) {
	owner.Visit(t, site+"/desk/product", "New product")
	submit(t, owner, "", "name", "Sencha", "price", "-1")
	owner.Await(t, "the faults",
		"document.querySelectorAll('.wrong').length == 2 && document.querySelector('#name').value == 'Sencha'")
	look(t, owner, "product")
	text := filepath.Join(t.TempDir(), "tea.html")
	rig.Write(t, text, []byte("<h1>no tea</h1>"), 0o644)
	choose(t, owner, text)
	submit(t, owner, "", "name", "Sencha", "price", "5.20", "stock", "3")
	owner.Await(t, "what is no picture", "document.querySelector('.wrong').textContent.includes('JPEG')")
	choose(t, owner, picture(t))
	submit(t, owner, "", "name", "Sencha", "price", "5.20", "stock", "3")
	owner.Await(t, "the name of another", "document.querySelector('.wrong').textContent.includes('another product')")
	choose(t, owner, picture(t))
	submit(t, owner, "", "name", "Genmaicha", "price", "5.20", "stock", "3")
	owner.Await(t, "the product and its picture",
		"location.pathname == '/' && document.body.textContent.includes('Genmaicha is in the shop.') && "+
			"document.images.length == 2 && [...document.images].every(i => i.naturalWidth > 0)")
	owner.RefusesNothing(t)
}

// ordersACart fills a cart, registers on the way, and orders.
func ordersACart(t *testing.T, ada *rig.Devtools) {
	putsInCart(t, ada, "Genmaicha")
	putsInCart(t, ada, "Sencha")
	putsInCart(t, ada, "Genmaicha")
	total := "document.querySelector('#total').textContent == '%s'"
	ada.Await(t, "three in the cart", fmt.Sprintf(total, "€ 14.90"))
	look(t, ada, "cart")
	ada.Evaluate(t, "document.querySelector('[aria-label=\"Remove Sencha\"]').click()", nil)
	ada.Await(t, "two in the cart", fmt.Sprintf(total, "€ 10.40"))
	submit(t, ada, "/orders")
	ada.Await(t, "the form for those who are not signed in", "location.pathname == '/sign-in'")
	ada.Visit(t, site+"/register", "")
	submit(t, ada, "/register", "email", "ada@shop.test", "password", "four words of mine")
	ada.Await(t, "Ada", "document.querySelector('header').textContent.includes('ada@shop.test')")
	ada.Visit(t, site+"/cart", "Your cart")
	submit(t, ada, "/orders")
	ada.Await(t, "the order", "location.pathname == '/orders' && document.body.textContent.includes('Thank you') && "+
		"document.querySelector('tbody').textContent.includes('2 × Genmaicha')")
	ada.RefusesNothing(t)
}

// usesTheAPI asks as a stranger and as Ada.
func usesTheAPI(t *testing.T, live *clone.Live, ada *rig.Devtools) {
	stranger, at := rig.Visitor(live.CA.Pool()), fmt.Sprintf("%s:%d/api/", site, live.HTTPS)
	list := rig.Get(t, stranger, at+"products")
	if list.StatusCode != 200 || !strings.Contains(list.Body, `"name":"Genmaicha","price":520,"stock":1`) {
		t.Errorf("the list is %s\n%s", list.Status, list.Body)
	}
	order := rig.Request{Method: "POST", URL: at + "orders", Body: `{"product":1,"count":1}`,
		Header: []string{"Content-Type", "application/json"}}
	if got := rig.Ask(t, stranger, order); got.StatusCode != 401 {
		t.Errorf("a stranger's order is answered %s", got.Status)
	}
	for body, want := range map[string]string{
		`{"product":1,"count":2}`:     `201 {"id":2,"content":"2 × Sencha","total":900}`,
		`{"product":1,"count":"two"}`: `400 #/count`,
		`{"product":9,"count":101}`:   `422 #/count`,
		`{"product":9,"count":1}`:     `422 #/product`,
	} {
		var got string
		ada.Evaluate(t, fmt.Sprintf(`(async () => {
			const answer = await fetch('/api/orders', {method: 'POST', body: %q, headers: {'Content-Type': 'application/json'}})
			return answer.status + ' ' + (answer.ok ? await answer.text() : (await answer.json()).errors[0].pointer)
		})()`, body), &got)
		if got != want {
			t.Errorf("the order %s is answered %q, want %q", body, got, want)
		}
	}
}

// putsInCart presses a button of the first page, which leads to the cart.
func putsInCart(t *testing.T, ada *rig.Devtools, name string) {
	t.Helper()
	ada.Visit(t, site+"/", "Shop")
	ada.Evaluate(t, fmt.Sprintf("document.querySelector('[aria-label=\"Add %s to the cart\"]').click()", name), nil)
	ada.Await(t, name+" in the cart",
		"document.title == 'Your cart' && document.querySelector('table').textContent.includes('"+name+"')")
}

// submit fills fields, by name and value, and presses the button of the form with this action, or of the first form.
func submit(t *testing.T, b *rig.Devtools, action string, values ...string) {
	t.Helper()
	form := "document.querySelector('main form')"
	if action != "" {
		form = fmt.Sprintf("document.querySelector('form[action=%q]')", action)
	}
	for i := 0; i < len(values); i += 2 {
		b.Evaluate(t, fmt.Sprintf("%s.elements[%q].value = %q", form, values[i], values[i+1]), nil)
	}
	b.Evaluate(t, form+".querySelector('button').click()", nil)
}

// choose chooses a file as a person does.
func choose(t *testing.T, b *rig.Devtools, file string) {
	t.Helper()
	var input struct{ Result struct{ ObjectID string } }
	b.Call(t, "Runtime.evaluate", map[string]any{"expression": "document.querySelector('input[type=file]')"}, &input)
	b.Call(t, "DOM.setFileInputFiles", map[string]any{"files": []string{file}, "objectId": input.Result.ObjectID}, nil)
}

// picture makes one of a cup from above.
func picture(t *testing.T) string {
	t.Helper()
	cup := image.NewRGBA(image.Rect(0, 0, 400, 300))
	for x := range 400 {
		for y := range 300 {
			cup.Set(x, y, color.RGBA{232, 226, 210, 255})
			if dx, dy := x-200, y-150; dx*dx+dy*dy < 110*110 {
				cup.Set(x, y, color.RGBA{250, 250, 247, 255})
			}
			if dx, dy := x-200, y-150; dx*dx+dy*dy < 95*95 {
				cup.Set(x, y, color.RGBA{170, 150, 60, 255})
			}
		}
	}
	var data bytes.Buffer
	if err := png.Encode(&data, cup); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cup.png")
	rig.Write(t, file, data.Bytes(), 0o644)
	return file
}

// look saves pictures of a page, for people to look at.
func look(t *testing.T, b *rig.Devtools, name string) {
	t.Helper()
	for screen, width := range map[string]int{"light": 1000, "phone": 390} {
		b.Call(t, "Emulation.setDeviceMetricsOverride",
			map[string]any{"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false}, nil)
		b.Picture(t, fmt.Sprintf("../artifacts/shop-%s-%s.png", name, screen))
	}
	b.Call(t, "Emulation.clearDeviceMetricsOverride", nil, nil)
}
