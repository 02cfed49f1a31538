package middleware

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"github.com/gin-gonic/gin"
)

// around is how many lines an excerpt shows on each side of the one that counts.
const around = 6

// IsOwnMachine says whether a request was made on this machine. What helps its developer is kept from the rest of the
// network, to which a development server may be open, and from whom a tunnel brings here.
func IsOwnMachine(c *gin.Context) bool {
	if c.GetBool(wasForwarded) {
		return false
	}
	peer, err := netip.ParseAddrPort(c.Request.RemoteAddr)
	client, err2 := netip.ParseAddr(c.ClientIP()) // another one where a trusted proxy is in between
	return err == nil && err2 == nil && peer.Addr().Unmap().IsLoopback() && client.Unmap().IsLoopback()
}

// explainTo is what a developer is shown of an error; nil where nothing in the sources has to do with it.
func explainTo(e *gin.Error) *Debug {
	d := &Debug{Error: e.Err.Error()}
	if p, ok := errors.AsType[*errPanic](e.Err); ok {
		d.What, d.Stack = "The panic is here", string(p.stack)
		d.File, d.Line = panicked(p.calls)
	} else if p, ok := errors.AsType[Positioner](e.Err); ok {
		d.What = "The error is made here"
		d.File, d.Line = p.Position()
	} else if f := reflect.ValueOf(e.Meta); f.Kind() == reflect.Func && !f.IsNil() {
		entry := runtime.FuncForPC(f.Pointer())
		d.What = "It is returned by this function"
		d.File, d.Line = entry.FileLine(entry.Entry())
	} else if _, ok := errors.AsType[StatusCoder](e.Err); ok {
		return nil
	}
	d.Lines = excerpt(d.File, d.Line)
	d.File = shortFile(d.File)
	return d
}

// panicked is the innermost line of the project's own that led to a panic.
func panicked(calls []uintptr) (file string, line int) {
	frames := runtime.CallersFrames(calls)
	below := false // runtime.gopanic, that is
	for {
		f, more := frames.Next()
		switch {
		case strings.HasPrefix(f.Function, "runtime."):
			below = below || f.Function == "runtime.gopanic"
		case below && !isLibrary(f.File):
			return f.File, f.Line
		}
		if !more {
			return "", 0
		}
	}
}

// goRoot is where Go's own sources were when this was built, with a final slash.
var goRoot = func() string {
	f := runtime.FuncForPC(reflect.ValueOf(strings.Cut).Pointer())
	file, _ := f.FileLine(f.Entry())
	return strings.TrimSuffix(file, "strings/strings.go")
}()

// isLibrary says whether a source file belongs to Go or to a module that was downloaded.
func isLibrary(file string) bool {
	return strings.HasPrefix(file, goRoot) || strings.Contains(file, "@v") || strings.Contains(file, "/vendor/")
}

func excerpt(file string, line int) []Line {
	if line == 0 {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil { // built elsewhere, or with -trimpath
		return nil
	}
	var out []Line
	n := 0
	for text := range strings.Lines(string(data)) {
		if n++; n >= line-around && n <= line+around {
			out = append(out, Line{n, strings.ReplaceAll(strings.TrimRight(text, "\r\n"), "\t", "    "), n == line})
		}
	}
	return out
}

// shortFile is a file's name as seen from the working directory.
func shortFile(file string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, filepath.FromSlash(file)); err == nil && !strings.HasPrefix(rel, "..") {
			return filepath.ToSlash(rel)
		}
	}
	return file
}

func at(file string, line int) string { return fmt.Sprintf("%s:%d", shortFile(file), line) }
