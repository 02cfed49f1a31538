package kit

import (
	"html/template"
	"io/fs"
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/middleware"
	"example.com/turnkey/tlsconfig"
)

// Site is a whole site: what the program serves, and what a test starts. Only Routes and Files are required.
type Site struct {
	// Routes registers every route. It is called once at each start, after .env has been read and before anything is
	// served. Its error stops the start.
	Routes func(r *gin.Engine, server Server) error

	// Files may have the folders templates, static and root. In development the folder web of the working directory
	// replaces them, so that an edit shows at the next request.
	Files fs.FS

	// Pages has, by the name of the page, a value of the type that it is rendered with. The fields that its templates
	// use are checked against the type: in production at the start, which a fault stops; in development at the start
	// and after each edit. c.HTML of a page that is not in it, or with a value of another type, is an error. A pointer
	// counts as the type that it points to, and a nil value allows every type. nil: nothing is checked.
	Pages map[string]any

	// ErrorPage returns what the page "error" is rendered with. nil: the middleware.Problem.
	ErrorPage func(c *gin.Context, p middleware.Problem) any

	// Functions can be called in templates, beside asset and invalid and those of html/template. A function with the
	// name of one of these replaces it.
	Functions template.FuncMap

	// Settings are the variables of the site's own. README.md has an example. A declaration that is itself wrong stops
	// the start.
	Settings []Setting

	// Commands are the commands of the site's own. They have the settings, and do not call Routes.
	Commands []Command

	// BodyLimits are the routes that take larger request bodies than 1 MiB, the limit of all others: the size in bytes
	// by the pattern (/api/pictures). A pattern that no route has stops the start.
	BodyLimits map[string]int64

	// BodyTypes are the routes that take XML, YAML, TOML, BSON or protobuf, by their pattern. All other routes answer
	// 415 to these. Every route takes JSON and forms, and types for which gin has no parser (image/png) reach the
	// handler unchanged. A pattern that no route has stops the start.
	BodyTypes map[string][]string

	// Words returns what is wrong with a field of an input in other words, such as in the visitor's language, or "" to
	// keep the English text. nil: English.
	Words func(r *http.Request, e FieldError) string

	// OnCertificate is called for every certificate that was obtained or renewed, and for every failure, each time in a
	// new goroutine. nil: nothing is called.
	OnCertificate func(tlsconfig.Event)
}
