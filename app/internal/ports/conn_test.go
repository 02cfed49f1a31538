package ports

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestPROXYHeaderIsRecognizedByteByByte(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"PROXY TCP4 203.0.113.9 198.51.100.1 1 443\r\n": "1", "PROXY UNKNOWN\r\n": "1", "\r\n\r\n\x00\r\nQUIT\n\x21\x11": "2",
		"\r\n\r\n\x00":          "2", // crypto/tls reads no more than this while the rest has not arrived
		"PROXY /x HTTP/1.1\r\n": "", "\r\n\r\nGET / HTTP/1.1\r\n": "", "\x16\x03\x01": "",
	} {
		client, server := net.Pipe() // with net.Pipe each write is one read
		got := ""
		go func() {
			io.WriteString(bytewise{client}, header)
			client.Close()
		}()
		io.Copy(io.Discard, io.MultiReader(&Conn{Conn: server,
			seen: func(_ net.Conn, version string) { got += version }}))
		if got != want {
			t.Errorf("%q is taken for version %q, want %q, once", header, got, want)
		}
	}
}

// By LocalAddr a site with certificates for several addresses chooses one: clients send no name with an address.
func TestTheAddressesOfAConnectionAreThoseAtTheBalancer(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	_, port, _ := net.SplitHostPort(inner.Addr().String())
	ln := Conns(inner, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, nil)
	for header, want := range map[string]string{
		"PROXY TCP6 2001:db8::9 2001:db8::1 5 443\r\n":  "[2001:db8::9]:5 [2001:db8::1]:" + port,
		"PROXY TCP4 203.0.113.9 198.51.100.1 5 443\r\n": "203.0.113.9:5 198.51.100.1:" + port,
		"PROXY UNKNOWN\r\n":                             "CLIENT 127.0.0.1:" + port,
		"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00":        "CLIENT 127.0.0.1:" + port,
	} {
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		io.WriteString(client, header)
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if err := nc.(*Conn).ReadHeader(); err != nil {
			t.Fatal(err)
		}
		want = strings.Replace(want, "CLIENT", client.LocalAddr().String(), 1)
		if got := nc.RemoteAddr().String() + " " + nc.LocalAddr().String(); got != want {
			t.Errorf("after %q the connection is from and to %s, want %s", header, got, want)
		}
	}
}

// bytewise sends a byte at a time.
type bytewise struct{ net.Conn }

func (b bytewise) Write(data []byte) (int, error) {
	for i := range data {
		if _, err := b.Conn.Write(data[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(data), nil
}
