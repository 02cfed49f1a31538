package middleware

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"github.com/gin-gonic/gin"
)

const requestIDHeader = "X-Request-Id"

// requestContext carries what belongs to one request. It is one value so that a request pays for one allocation.
type requestContext struct {
	context.Context
	id     string
	header [1]string // the id again, as the response's header wants it
	isHead bool
}

type requestContextKey struct{}

func (c *requestContext) Value(key any) any {
	if key == (requestContextKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// RequestID gives every request an id: the client's own X-Request-Id if it is 1 to 64 letters, digits, dots, dashes
// or underscores, else 128 random bits. The id is in the response, in the request's context and so in every line
// that is logged with it. It correlates; it proves nothing, as a client may choose it.
func RequestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.Request.Header.Get(requestIDHeader)
		if !validID(id) {
			id = newID()
		}
		rc := &requestContext{Context: c.Request.Context(), id: id, header: [1]string{id}, isHead: isHead(c.Request)}
		c.Writer.Header()[requestIDHeader] = rc.header[:]
		c.Request = c.Request.WithContext(rc)
		c.Next()
	}
}

// RequestIDFrom returns the id of the request that ctx belongs to; empty if it belongs to none.
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

// newID takes from the runtime's ChaCha8 generator, which the system seeds: unguessable enough for a name, and
// without a system call.
func newID() string {
	var raw [16]byte
	var text [32]byte
	a, b := rand.Uint64(), rand.Uint64()
	for i := range 8 {
		raw[i], raw[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	hex.Encode(text[:], raw[:])
	return string(text[:])
}

// method is the request's method as the client sent it: Head makes GET of HEAD for the router.
func method(r *http.Request) string {
	if r.Method == http.MethodGet && isHead(r) {
		return http.MethodHead
	}
	return r.Method
}
