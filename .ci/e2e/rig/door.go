package rig

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Door is a proxy in front of an ACME server. It records requests and responses, and its hook can delay a request or
// answer it.
type Door struct {
	Addr  string
	proxy http.Handler

	mu        sync.Mutex
	hook      Hook
	exchanges []Exchange
	newOrder  string // path
}

// Hook gets each request before the ACME server does. It may wait. It returns true if it has answered.
type Hook func(w http.ResponseWriter, r *http.Request) (answered bool)

// Exchange is a request and its response, whose status is 0 until it arrives.
type Exchange struct {
	Time   time.Time // of the request
	Method string
	Path   string
	Status int
}

// Intercept sets the hook. nil removes it.
func (d *Door) Intercept(h Hook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hook = h
}

// IsNewOrder reports whether a request places an order.
func (d *Door) IsNewOrder(r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return r.Method == http.MethodPost && r.URL.Path == d.newOrder
}

// IsCertificate reports whether a request fetches a certificate.
func (d *Door) IsCertificate(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, certificatePath)
}

// Passed is a response of the ACME server.
type Passed struct {
	Code   int
	Header http.Header
	Body   []byte
}

// WriteTo sends the response unchanged.
func (p Passed) WriteTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.Header)
	w.WriteHeader(p.Code)
	w.Write(p.Body)
}

// Pass forwards a request to the ACME server, for a hook that changes the response.
func (d *Door) Pass(r *http.Request) Passed {
	w := httptest.NewRecorder()
	d.proxy.ServeHTTP(w, r)
	return Passed{w.Code, w.Header().Clone(), w.Body.Bytes()}
}

// Exchanges returns all exchanges so far.
func (d *Door) Exchanges() []Exchange {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Exchange{}, d.exchanges...)
}

// OrdersAsked returns how many orders were requested, refused ones included.
func (d *Door) OrdersAsked() int {
	return d.count(func(e Exchange) bool { return e.Path == d.newOrder })
}

// Orders returns how many orders the CA made.
func (d *Door) Orders() int {
	return d.count(func(e Exchange) bool { return e.Path == d.newOrder && e.Status == http.StatusCreated })
}

// Fetched returns how many certificates were fetched.
func (d *Door) Fetched() int {
	return d.count(func(e Exchange) bool { return strings.HasPrefix(e.Path, certificatePath) && e.Status == http.StatusOK })
}

// certificatePath begins the paths of Pebble's certificates, which its directory does not contain.
const certificatePath = "/certZ/"

func (d *Door) count(ok func(Exchange) bool) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.exchanges {
		if e.Method == http.MethodPost && ok(e) {
			n++
		}
	}
	return n
}

// RateLimited answers as Let's Encrypt does when a limit is reached (RFC 8555 §6.6).
func RateLimited(w http.ResponseWriter, detail string, retryAfter time.Duration) {
	w.Header().Set("Retry-After", fmt.Sprint(int(retryAfter.Seconds())))
	Problem(w, http.StatusTooManyRequests, "rateLimited", detail)
}

// Problem answers an ACME error (RFC 8555 §6.7).
func Problem(w http.ResponseWriter, status int, kind, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"urn:ietf:params:acme:error:%s","detail":%q,"status":%d}`, kind, detail, status)
}

// openDoor listens with cert and forwards requests to target unchanged. The ACME server builds its URLs from their
// Host, so that clients send further requests here too.
func openDoor(t testing.TB, target string, cert tls.Certificate, roots *x509.CertPool) *Door {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: target})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		ErrorLog:  log.New(io.Discard, "", 0), // clients that hang up
	}
	d := &Door{proxy: proxy}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.Addr = ln.Addr().String()
	server := &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		ErrorLog:  log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
			d.mu.Lock()
			hook, i := d.hook, len(d.exchanges)
			d.exchanges = append(d.exchanges, Exchange{Time: time.Now(), Method: r.Method, Path: r.URL.Path})
			d.mu.Unlock()
			if hook == nil || !hook(seen, r) {
				proxy.ServeHTTP(seen, r)
			}
			d.mu.Lock()
			d.exchanges[i].Status = seen.status
			d.mu.Unlock()
		}),
	}
	go server.ServeTLS(ln, "", "")
	t.Cleanup(func() { server.Close() })
	return d
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
