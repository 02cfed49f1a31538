//go:build !windows

package command

import "os"

// showsColour reports true: every terminal but TERM=dumb knows the codes for colour.
func showsColour(*os.File) bool { return true }
