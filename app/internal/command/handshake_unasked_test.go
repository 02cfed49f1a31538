package command_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/command"
	"example.com/turnkey/app/kit"
)

// siteThat returns a site whose routes ask for handshakes, or do not. Its one page tells how many values the context of
// a request has, and lists the connections below TLS.
func siteThat(asks bool) kit.Site {
	site := command.Sample()
	site.Routes = func(r *gin.Engine, server kit.Server) error {
		if asks {
			server.Handshakes()
		}
		r.GET("/layers", func(c *gin.Context) {
			conn, _, err := c.Writer.Hijack()
			if err != nil {
				c.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
			fmt.Fprintln(conn, strings.Count(fmt.Sprint(c.Request.Context()), ".WithValue("), "values")
			fmt.Fprint(conn, strings.Join(layers(conn.(*tls.Conn).NetConn()), "\n"))
		})
		return nil
	}
	return site
}

// layers returns the type of a connection, and the types of those that it wraps in a field named Conn.
func layers(conn net.Conn) (types []string) {
	for conn != nil {
		types = append(types, fmt.Sprintf("%T", conn))
		v := reflect.Indirect(reflect.ValueOf(conn))
		conn = nil
		if v.Kind() == reflect.Struct {
			if field := v.FieldByName("Conn"); field.IsValid() && field.CanInterface() {
				conn, _ = field.Interface().(net.Conn)
			}
		}
	}
	return types
}

func TestASiteThatAsksForNoHandshakesWrapsNoConnection(t *testing.T) {
	t.Parallel()
	values, conns := map[bool]int{}, map[bool][]string{}
	for _, asks := range []bool{false, true} {
		s := startSite(t, prod, siteThat(asks))
		resp, body := s.over(&tls.Config{NextProtos: []string{"http/1.1"}}).do("GET", "https://shop.test/layers", "")
		first, rest, _ := strings.Cut(body, " values\n")
		n, err := strconv.Atoi(first)
		if err != nil || n < 2 {
			t.Fatalf("got %d %q, want how many values there are", resp.StatusCode, body)
		}
		values[asks], conns[asks] = n, strings.Split(rest, "\n")
	}
	if values[true] != values[false]+1 {
		t.Errorf("a request has %d values where no handshake is asked for, and %d where one is", values[false], values[true])
	}
	if len(conns[true]) < 2 || !slices.Equal(conns[true][1:], conns[false]) || slices.Contains(conns[false], conns[true][0]) {
		t.Errorf("a connection is %q where no handshake is asked for, and %q where one is", conns[false], conns[true])
	}
}

// The test is not parallel, because it measures the memory of the whole process.
func TestASiteThatAsksForNoHandshakesKeepsNoHello(t *testing.T) {
	rate := runtime.MemProfileRate
	defer func() { runtime.MemProfileRate = rate }()
	runtime.MemProfileRate = 1 // every allocation
	names := []string{"http/1.1"}
	for i := range 12 {
		names = append(names, fmt.Sprintf("%0250d", i))
	}
	const connections, hello, serverName = 20, 12 * 250, 32 // crypto/tls itself keeps the server name
	for _, asks := range []bool{false, true} {
		s := startSite(t, prod, siteThat(asks))
		before := helloBytes()
		for range connections {
			s.idle(names)
		}
		got := (helloBytes() - before) / connections
		if !asks && got > serverName || asks && got < hello {
			t.Errorf("handshakes are asked for: %v; an idle connection keeps %d bytes of a hello of more than %d", asks, got, hello)
		}
	}
}

// idle opens a connection with a hello that has these names, makes one request, and leaves it open until the test ends.
func (s *site) idle(names []string) {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.https, &tls.Config{RootCAs: s.roots(), ServerName: "shop.test", NextProtos: names})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
}

// helloBytes returns the memory in use that crypto/tls allocated while it read ClientHellos.
func helloBytes() (total int64) {
	for range 3 { // the profile shows the state of the garbage collection before the last
		runtime.GC()
	}
	n, _ := runtime.MemProfile(nil, false)
	records := make([]runtime.MemProfileRecord, 2*n+1000)
	n, _ = runtime.MemProfile(records, false)
	for _, record := range records[:n] {
		frames := runtime.CallersFrames(record.Stack())
		for more := true; more; {
			var frame runtime.Frame
			if frame, more = frames.Next(); frame.Function == "crypto/tls.(*clientHelloMsg).unmarshal" {
				total += record.InUseBytes()
				break
			}
		}
	}
	return total
}
