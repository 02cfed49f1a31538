package command

import (
	"fmt"
	"path"
	"runtime/debug"
)

// project is the last element of the module's path.
func project() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return path.Base(info.Main.Path)
	}
	return "site"
}

// version is what the go command stamped into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return project() + " unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v += " " + s.Value[:min(12, len(s.Value))]
			}
			if s.Key == "vcs.modified" && s.Value == "true" {
				v += " (modified)"
			}
		}
	}
	return fmt.Sprintf("%s %s %s", project(), v, info.GoVersion)
}
