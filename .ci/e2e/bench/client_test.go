//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// request is what a client asks for. All servers send the same bytes unless its encoding is gzip: then the usual packages
// compress pages. The path "" is no request: a handshake, after which the client leaves.
type request struct{ protocol, path, encoding string }

// client sends requests over one connection, with little work of its own.
type client interface {
	exchange() (n int, err error) // sends, and returns when n requests are answered
}

func newClient(c *tls.Conn, r request, streams int) client {
	if r.protocol == "h2" {
		return newH2(c, r, streams)
	}
	return newH1(c, r)
}

type h1 struct {
	conn    *tls.Conn
	request []byte
	r       *bufio.Reader
	body    []byte // of the last answer
}

func newH1(c *tls.Conn, r request) *h1 {
	header := "GET " + r.path + " HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: bench\r\nAccept-Encoding: " + r.encoding + "\r\n\r\n"
	return &h1{conn: c, request: []byte(header), r: bufio.NewReaderSize(c, 32<<10)}
}

func (h *h1) exchange() (int, error) {
	if _, err := h.conn.Write(h.request); err != nil {
		return 0, err
	}
	length := -1
	for first := true; ; first = false {
		line, err := h.r.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return 0, fmt.Errorf("got %q", line)
		case len(line) == 2:
			if length < 0 {
				return 0, fmt.Errorf("no length")
			}
			h.body = slices.Grow(h.body[:0], length)[:length]
			_, err := io.ReadFull(h.r, h.body)
			return 1, err
		}
		if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(rest)))
		}
	}
}

type h2 struct {
	w      *bufio.Writer
	framer *http2.Framer
	block  []byte // of every request; it changes no table of the server
	next   uint32
	// open of at most streams requests have no answer yet.
	open, streams int
}

const window = 1 << 30 // bytes; no run receives more

func newH2(c *tls.Conn, r request, streams int) *h2 {
	h := &h2{w: bufio.NewWriter(c), next: 1, streams: streams}
	h.w.WriteString(http2.ClientPreface)
	h.framer = http2.NewFramer(h.w, bufio.NewReaderSize(c, 64<<10))
	h.framer.SetReuseFrames()
	h.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	h.framer.WriteWindowUpdate(0, window)
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	enc.SetMaxDynamicTableSize(0)
	for _, field := range [][2]string{{":method", http.MethodGet}, {":scheme", "https"}, {":authority", "shop.test"}, {":path", r.path},
		{"user-agent", "bench"}, {"accept-encoding", r.encoding}} {
		enc.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	h.block = block.Bytes()
	return h
}

func (h *h2) exchange() (int, error) {
	for ; h.open < h.streams; h.open++ {
		h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: h.next, BlockFragment: h.block, EndStream: true, EndHeaders: true})
		h.next += 2
	}
	if err := h.w.Flush(); err != nil {
		return 0, err
	}
	for {
		frame, err := h.framer.ReadFrame()
		if err != nil {
			return 0, err
		}
		over := false
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				h.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				h.framer.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			// A block may begin with new sizes of the table (RFC 7541 §6.3). 0x88 is :status 200.
			if status := bytes.TrimLeft(f.HeaderBlockFragment(), "\x20"); len(status) == 0 || status[0] != 0x88 {
				return 0, fmt.Errorf("the header block %x does not begin with :status 200", f.HeaderBlockFragment())
			}
			over = f.StreamEnded()
		case *http2.DataFrame:
			over = f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return 0, fmt.Errorf("got %v", f)
		}
		if over {
			h.open--
			return 1, nil
		}
	}
}
