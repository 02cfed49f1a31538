package settings

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// memoryLimit returns 90 % of the bytes of memory that the control groups of this process may use, or 0 if none has a
// limit. At 100 % Linux kills the process, while Go's garbage collector, which does not know of the limit, would let
// the heap double (https://go.dev/doc/gc-guide#Memory_limit). The other 10 % are for what is not Go's.
//
// root is the root of the file system. A group's limit holds for the groups below it. Inside a container the path of
// the group may be the host's, which is not there, and the container's own group is at the top.
func memoryLimit(root fs.FS) (limit int64) {
	groups, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(groups)) { // https://man7.org/linux/man-pages/man7/cgroups.7.html
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		folder, file := "sys/fs/cgroup", "memory.max" // version 2
		if fields[1] == "memory" {
			folder, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes" // version 1
		} else if fields[1] != "" {
			continue
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			text, _ := fs.ReadFile(root, path.Join(folder, group, file))
			// Version 2 writes max for no limit, and version 1 the highest number of whole pages.
			n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			if err == nil && n < 1<<60 && (limit == 0 || n < limit) {
				limit = n
			}
			if group == "/" {
				break
			}
		}
	}
	return limit / 10 * 9
}
