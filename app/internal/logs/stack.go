package logs

import (
	"reflect"
	"strings"

	"example.com/turnkey/middleware"
)

var module, _, _ = strings.Cut(reflect.TypeFor[people]().PkgPath(), "/app/internal/")

type frame struct{ function, file string }

// stack writes the stack of a panic below its line: the owner's own frames first, then the others.
func (p *page) stack(text string) {
	var own, others []frame
	for _, f := range frames(text) {
		if f.isOwn() {
			own = append(own, f)
		} else {
			others = append(others, f)
		}
	}
	for _, f := range own {
		p.text.WriteString("    " + f.String() + "\n")
	}
	for _, f := range others {
		p.text.WriteString("    ")
		p.paint(faint, f.String())
		p.text.WriteByte('\n')
	}
}

// frames parses what runtime/debug.Stack returns, which has two lines for each call. It leaves out the calls that
// handle the panic, those before the last call of panic. Any other line becomes a frame.
func frames(text string) (out []frame) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		file, isFile := strings.CutPrefix(line, "\t")
		switch {
		case isFile && len(out) > 0 && out[len(out)-1].file == "":
			file, _, _ = strings.Cut(file, " +0x")
			out[len(out)-1].file = middleware.ShortFile(file)
			if out[len(out)-1].function == "panic" {
				out = out[:0]
			}
		case strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, ":") || line == "":
		default:
			if i := strings.LastIndexByte(line, '('); i > 0 && strings.HasSuffix(line, ")") {
				line = line[:i]
			}
			out = append(out, frame{function: line})
		}
	}
	return out
}

// isOwn reports whether the code is the owner's: of this module, and not what came with the starter.
func (f frame) isOwn() bool {
	name := strings.TrimPrefix(f.function, "created by ")
	if strings.HasPrefix(name, "main.") {
		return true
	}
	rest, ok := strings.CutPrefix(name, module+"/")
	for _, closed := range []string{"app/", "middleware", "tlsconfig", "scripts/"} {
		ok = ok && !strings.HasPrefix(rest, closed)
	}
	return ok
}

// String returns the place and the function, with the last element of its package's path.
func (f frame) String() string {
	name := f.function
	if created, ok := strings.CutPrefix(name, "created by "); ok {
		name = "created by " + created[strings.LastIndexByte(created, '/')+1:]
	} else {
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	return strings.TrimSpace(escape(f.file) + "  " + escape(name))
}
