package localca

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"
)

// clockBehind says that the clock is wrong if something older has a later date than now: the commit that this program
// was built from, or a file of the project. It is empty if there is no such date.
func clockBehind(now time.Time, project string) string {
	what, latest := "", now.Add(time.Hour) // file systems and time zones are a little off
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil && at.After(latest) {
				what, latest = "the commit of this program", at
			}
		}
	}
	entries, _ := os.ReadDir(project)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !e.IsDir() && info.ModTime().After(latest) {
			what, latest = filepath.Join(project, e.Name()), info.ModTime()
		}
	}
	if what == "" {
		return ""
	}
	const format = "2006-01-02 15:04"
	return fmt.Sprintf("your clock says %s, but %s is of %s; set the clock: %s",
		now.Format(format), what, latest.In(now.Location()).Format(format), clockFix())
}

// clockFix returns the command that sets the clock.
func clockFix() string {
	switch runtime.GOOS {
	case "windows":
		return "w32tm /resync"
	case "darwin":
		return "sudo sntp -sS time.apple.com"
	}
	// WSL's clock stands still while Windows sleeps (microsoft/WSL#10006).
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err == nil && bytes.Contains(bytes.ToLower(release), []byte("microsoft")) {
		return "sudo hwclock -s (or in Windows: wsl --shutdown)"
	}
	return "sudo timedatectl set-ntp true"
}
