package command_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg"
	"image/png"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// This file has the recipes below the table for people from Express, and tests that use each.

func expressRecipes(r *gin.Engine, server kit.Server, stock *expressStock, pictures string) {
	r.GET("/stock/events", E(func(c *gin.Context) error {
		if err := Stream(c); err != nil {
			return err
		}
		for {
			left, changed := stock.Left()
			if err := Event(c, "stock", left); err != nil {
				return nil // the visitor has left
			}
			select {
			case <-changed:
			case <-time.After(15 * time.Second): // proxies close a stream that is silent for long
			case <-server.Stopping():
				return nil
			case <-c.Request.Context().Done():
				return nil
			}
		}
	}))

	r.Static("/pictures", pictures)
	r.POST("/pictures", E(func(c *gin.Context) error {
		file, err := FormFile(c, "picture")
		if err != nil {
			return err
		}
		content, err := file.Open()
		if err != nil {
			return err
		}
		defer content.Close()
		_, format, err := image.DecodeConfig(content) // knows what is imported: _ "image/jpeg", _ "image/png"
		if err != nil {
			return Invalid("picture", "has to be a JPEG or PNG file")
		}
		file.Filename = "picture." + format // browsers go by the ending, and evil.html would be a page of this site
		name, err := SaveUpload(file, pictures)
		if err != nil {
			return err
		}
		c.Redirect(303, "/pictures/"+name)
		return nil
	}))
}

type smtpMailer struct {
	server, from string // smtp.example.com:587, shop@example.com
	auth         smtp.Auth
}

func (m smtpMailer) Send(_ context.Context, to, subject, text string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\n", m.from, to, mime.QEncoding.Encode("utf-8", subject))
	fmt.Fprintf(&b, "Date: %s\r\nMIME-Version: 1.0\r\n", time.Now().Format(time.RFC1123Z))
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	body := quotedprintable.NewWriter(&b)
	body.Write([]byte(text))
	body.Close()
	return smtp.SendMail(m.server, m.auth, m.from, []string{to}, b.Bytes())
}

func orderByMail(server kit.Server, mailer smtpMailer) func(*gin.Context) error {
	return func(c *gin.Context) error {
		var in purchase
		if err := Bind(c, &in); err != nil {
			return err
		}
		server.Go("mail an order", func(ctx context.Context) error {
			return mailer.Send(ctx, in.Email, "Your order", "It is on its way.")
		})
		c.Status(202)
		return nil
	}
}

// expressStock is a number that changes.
type expressStock struct {
	mu      sync.Mutex
	left    int
	changed chan struct{}
}

// Left returns the number and a channel that is closed at the next change.
func (s *expressStock) Left() (int, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left, s.changed
}

func (s *expressStock) sell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left--
	close(s.changed)
	s.changed = make(chan struct{})
}

// The stream outlives the timeouts of the server, has each change, and ends with the server.
func expressEvents(t *testing.T) {
	stock, stopping := &expressStock{left: 3, changed: make(chan struct{})}, make(chan struct{})
	site := siteWith(func(*gin.Engine) {})
	own := site.Routes
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		expressRecipes(r, stoppable{server, stopping}, stock, t.TempDir())
		return own(r, server)
	}
	const timeout = time.Second
	srv := serveChain(t, site, io.Discard, timeout, timeout)
	req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/stock/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "example.com"
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for _, want := range []string{"3", "2", "1"} {
		var got [3]string
		for i := range got {
			got[i], err = lines.ReadString('\n')
		}
		if err != nil || got != [3]string{"event: stock\n", "data: " + want + "\n", "\n"} {
			t.Fatalf("the event is %q, %v, want %s", got, err, want)
		}
		time.Sleep(timeout * 2 / 3) // the last event comes after the timeouts
		stock.sell()
	}
	close(stopping)
	if _, err := io.ReadAll(lines); err != nil {
		t.Errorf("the stop cuts the stream: %v", err)
	}
}

// A picture is served as what it is, whatever its visitor calls it. What is no picture is not kept.
func expressPicture(t *testing.T) {
	pictures := filepath.Join(t.TempDir(), "pictures")
	os.WriteFile(filepath.Join(filepath.Dir(pictures), "secret.png"), []byte("secret"), 0o600)
	s := start(t, prod, func(r *gin.Engine) { expressRecipes(r, nil, nil, pictures) })
	var dot bytes.Buffer
	png.Encode(&dot, image.NewGray(image.Rect(0, 0, 1, 1)))
	upload := func(name, content string) (*http.Response, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		file, _ := w.CreateFormFile("picture", name)
		file.Write([]byte(content))
		w.Close()
		return s.do("POST", "https://shop.test/pictures", b.String(), "Content-Type", w.FormDataContentType())
	}
	for _, name := range []string{"picture.png", "picture-2.png"} {
		resp, _ := upload("evil.html", dot.String())
		if to := resp.Header.Get("Location"); resp.StatusCode != 303 || to != "/pictures/"+name {
			t.Errorf("the upload got %d to %q, want %s", resp.StatusCode, to, name)
		}
		resp, body := s.do("GET", "https://shop.test/pictures/"+name, "")
		if media := resp.Header.Get("Content-Type"); media != "image/png" || body != dot.String() {
			t.Errorf("the picture is %d bytes of %s", len(body), media)
		}
	}
	resp, body := upload("a.png", "<h1>no picture</h1>")
	if resp.StatusCode != 422 || !strings.Contains(body, "#/picture") {
		t.Errorf("what is no picture got %d %s", resp.StatusCode, body)
	}
	for _, path := range []string{"/pictures/", "/pictures/..%2Fsecret.png", "/pictures/%2e%2e/secret.png"} {
		if resp, body := s.do("GET", "https://shop.test"+path, ""); resp.StatusCode != 404 {
			t.Errorf("%s got %d %s", path, resp.StatusCode, body)
		}
	}
	if files, err := os.ReadDir(pictures); err != nil || len(files) != 2 {
		t.Errorf("the folder has %v, %v", files, err)
	}
}

// A mail arrives with every letter of its subject and text. Neither a subject nor an address adds a line to its head.
func expressMail(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	mails := make(chan string, 1)
	go takeMails(listener, mails)
	mailer := smtpMailer{listener.Addr().String(), "shop@shop.test", nil}
	site := siteWith(func(*gin.Engine) {})
	own := site.Routes
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		r.POST("/order", E(orderByMail(server, mailer)))
		return own(r, server)
	}
	s := startSite(t, prod, site)
	resp, body := s.do("POST", "https://shop.test/order", "email=ada@shop.test", "Content-Type", formType)
	if resp.StatusCode != 202 {
		t.Fatalf("the order got %d %s", resp.StatusCode, body)
	}
	hasMail(t, <-mails, "Your order", "It is on its way.")
	const subject, text = "Grüße\r\nBcc: eve@shop.test", "Ihr Tee.\n.\nFür 4,50 €"
	if err := mailer.Send(t.Context(), "ada@shop.test", subject, text); err != nil {
		t.Fatal(err)
	}
	hasMail(t, <-mails, subject, text)
	if err := mailer.Send(t.Context(), "ada@shop.test\r\nRCPT TO:<eve@shop.test>", subject, text); err == nil {
		t.Error("an address with a line of its own is taken")
	}
}

func hasMail(t *testing.T, raw, subject, text string) {
	t.Helper()
	got, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	title, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || title != subject || got.Header.Get("Bcc") != "" || got.Header.Get("To") != "ada@shop.test" {
		t.Errorf("the head is %v, and its subject %q, %v", got.Header, title, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	if is := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || strings.TrimSuffix(is, "\n") != text {
		t.Errorf("the text is %q, %v", is, err)
	}
}

// takeMails is an SMTP server (RFC 5321).
func takeMails(listener net.Listener, mails chan<- string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		takeMail(conn, mails)
		conn.Close()
	}
}

func takeMail(conn net.Conn, mails chan<- string) {
	fmt.Fprint(conn, "220 shop.test\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch verb, _, _ := strings.Cut(lines.Text(), " "); verb {
		case "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			var b strings.Builder
			for lines.Scan() && lines.Text() != "." {
				b.WriteString(strings.TrimPrefix(lines.Text(), ".") + "\r\n")
			}
			mails <- b.String()
			fmt.Fprint(conn, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 yes\r\n")
		}
	}
}
