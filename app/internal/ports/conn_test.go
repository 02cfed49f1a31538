package ports

import (
	"io"
	"net"
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
