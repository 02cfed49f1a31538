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

// clockBehind says that the clock must be wrong, when something that was there before is later than now: the commit
// this program was built from, or a file of the project. It is empty when nothing speaks against the clock.
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
	return fmt.Sprintf("your clock says %s, but %s is of %s; set the clock: %s", now.Format(format), what, latest.In(now.Location()).Format(format), clockFix())
}

func clockFix() string {
	switch runtime.GOOS {
	case "windows":
		return "w32tm /resync"
	case "darwin":
		return "sudo sntp -sS time.apple.com"
	}
	// WSL's clock stands still while Windows sleeps (microsoft/WSL#10006).
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil && bytes.Contains(bytes.ToLower(release), []byte("microsoft")) {
		return "sudo hwclock -s (or in Windows: wsl --shutdown)"
	}
	return "sudo timedatectl set-ntp true"
}
