package settings

import (
	"testing"
	"testing/fstest"
)

// The forms are those of the kernel.
func TestTheMemoryLimitIsThatOfTheContainer(t *testing.T) {
	t.Parallel()
	const mib, v2, v1 = 1 << 20, "0::/\n", "9:name=systemd:/\n4:memory:/docker/1f\n1:cpu,cpuacct:/\n0::/\n"
	for name, test := range map[string]struct {
		groups string
		files  map[string]string // below sys/fs/cgroup
		want   int64
	}{
		"no control groups":        {"", nil, 0},
		"version 2, a container":   {v2, map[string]string{"memory.max": "104857600\n"}, 90 * mib},
		"version 2, no limit":      {v2, map[string]string{"memory.max": "max\n"}, 0},
		"version 2, the host":      {v2, nil, 0}, // the top group of a host has no such file
		"version 2, a service":     {"0::/system.slice/shop.service\n", map[string]string{"system.slice/shop.service/memory.max": "104857600\n", "system.slice/memory.max": "max\n"}, 90 * mib},
		"version 2, a slice":       {"0::/a.slice/b\n", map[string]string{"a.slice/b/memory.max": "209715200\n", "a.slice/memory.max": "104857600\n"}, 90 * mib},
		"version 2, other's path":  {"0::/../shop\n", map[string]string{"memory.max": "104857600\n"}, 90 * mib},
		"version 1, a container":   {v1, map[string]string{"memory/memory.limit_in_bytes": "104857600\n"}, 90 * mib},
		"version 1, a host's path": {v1, map[string]string{"memory/docker/1f/memory.limit_in_bytes": "104857600\n", "memory/memory.limit_in_bytes": "9223372036854771712\n"}, 90 * mib},
		"version 1, no limit":      {v1, map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
	} {
		root := fstest.MapFS{"proc/self/cgroup": {Data: []byte(test.groups)}}
		for file, text := range test.files {
			root["sys/fs/cgroup/"+file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryLimit(root); got != test.want {
			t.Errorf("%s: %d bytes, want %d", name, got, test.want)
		}
	}
}
