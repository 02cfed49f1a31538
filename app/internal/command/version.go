package command

import (
	"fmt"
	"path"
	"runtime/debug"
)

// project returns the last element of the module's path, or "site" if the binary does not record it.
func project() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return path.Base(info.Main.Path)
	}
	return "site"
}

// version returns the project, the version that the go command stamped into the binary, which has the commit where there
// is no tag, and the version of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return project() + " unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	return fmt.Sprintf("%s %s %s", project(), v, info.GoVersion)
}
