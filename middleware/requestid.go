package middleware

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"unsafe"

	"github.com/gin-gonic/gin"
)

const requestIDHeader = "X-Request-Id"

// requestContext has what this package knows of a request. It is one value, so that a request costs one allocation.
type requestContext struct {
	context.Context
	id     string
	text   [32]byte  // behind an id of newID
	header [1]string // the id again, as the value of the response's header
	writer writer
}

type requestContextKey struct{}

func (c *requestContext) Value(key any) any {
	if key == (requestContextKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// requestID gives every request an id: the client's own X-Request-Id if it is 1 to 64 letters, digits, dots, dashes
// or underscores, else 128 random bits. The id is in the response and in the request's context, and so in every line
// that is logged with that context. The client can choose it, so it proves nothing.
func requestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		rc := &requestContext{Context: c.Request.Context(), id: c.Request.Header.Get(requestIDHeader)}
		if !validID(rc.id) {
			rc.id = newID(&rc.text)
		}
		if rc.header[0] = rc.id; c.Request.ProtoMajor == 2 {
			// The connection's HPACK table keeps about fifty ids, and each would keep its requestContext in memory.
			rc.header[0] = strings.Clone(rc.id)
		}
		c.Writer.Header()[requestIDHeader] = rc.header[:]
		c.Request = c.Request.WithContext(rc)
		rc.writer = writer{ResponseWriter: c.Writer, initial: c.Writer.Status()}
		c.Writer = &rc.writer
		// net/http removes the temporary files of its own copy of the request only.
		defer func() {
			if form := c.Request.MultipartForm; form != nil {
				form.RemoveAll()
			}
		}()
		c.Next()
	}
}

// RequestIDFrom returns the id of the request that ctx belongs to, or "" if it belongs to none.
func RequestIDFrom(ctx context.Context) string {
	if rc, ok := ctx.Value(requestContextKey{}).(*requestContext); ok {
		return rc.id
	}
	return ""
}

func validID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		switch b := id[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.':
		default:
			return false
		}
	}
	return true
}

// newID returns 128 random bits of the runtime's ChaCha8 generator. The system seeds it, so that ids cannot be
// guessed, and it needs no system call. The id is in text, which must not be changed after: it saves an allocation.
func newID(text *[32]byte) string {
	var raw [16]byte
	binary.NativeEndian.PutUint64(raw[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(raw[8:], rand.Uint64())
	hex.Encode(text[:], raw[:])
	return unsafe.String(&text[0], len(text))
}
