package machine

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// key checks that other users of this machine cannot read the certificate's key.
func (d *doctor) key() {
	mode, open := readable(d.site.KeyFile)
	switch {
	case open:
		d.wrong("key", fmt.Sprintf("others on this machine can read %s (mode %04o)", d.site.KeyFile, mode),
			"chmod 600 "+d.site.KeyFile)
	case mode != 0:
		d.ok("key", d.site.KeyFile+" is readable by you alone")
	}
}

// git checks that the key is not committed.
func (d *doctor) git(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "git", "ls-files", "--", d.site.KeyFile).Output()
	if err != nil {
		return // no git, or no repository: nothing is tracked
	}
	if len(bytes.TrimSpace(out)) > 0 {
		d.wrong("git", "git tracks "+d.site.KeyFile+": everyone with a copy of the repository has the key",
			fmt.Sprintf("git rm --cached -f %s && git commit -m 'Untrack the key' && rm %s %s; then: make dev", d.site.KeyFile,
				d.site.KeyFile, d.site.CertFile))
		return
	}
	d.ok("git", "git does not track the key")
}

// readable reports whether other users than the owner can read a file, on systems whose files have such modes.
func readable(file string) (mode fs.FileMode, open bool) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, false
	}
	mode = info.Mode().Perm()
	return mode, filepath.Separator == '/' && mode&0o077 != 0
}
