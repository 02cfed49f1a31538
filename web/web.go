// Package web is yours: templates and static files. The binary carries them; in development they are read from the
// disk, so that an edit shows at the next request.
package web

import "embed"

// Files are those of this folder, as they were when the binary was built.
//
//go:embed templates static
var Files embed.FS
