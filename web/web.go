// Package web is yours: templates, static files and files for the root of the site. The binary carries them. In
// development they are read from the disk, so that an edit shows at the next request.
package web

import "embed"

// Files are those of this folder, as they were when the binary was built. If you remove a folder, remove it from the
// line below too.
//
//go:embed all:templates all:static all:root
var Files embed.FS
