//go:build unix

package localca

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A good pair must be served from folders that cannot be written, such as those of a container's image or another
// user's checkout. Root can write everywhere, so the test runs as a process of another user.
func TestAGoodPairServesFromFoldersThatCannotBeWritten(t *testing.T) {
	const helper = "TURNKEY_TEST_READ_ONLY_IN"
	if dir := os.Getenv(helper); dir != "" {
		req := request(dir)
		for _, folder := range []string{req.CADir, filepath.Dir(req.CertFile)} {
			if os.WriteFile(filepath.Join(folder, "x"), nil, 0o600) == nil {
				t.Fatalf("%s can be written, so this would prove nothing", folder)
			}
		}
		res := ensure(t, req)
		fmt.Printf("leaf %s made %v ca %v\n", res.Leaf.SerialNumber, res.Why != "", res.MadeCA)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	req := request(dir)
	leaf := ensure(t, req).Leaf

	// Other users cannot read go test's own folder. cp writes the copy, not this process: a child that another test
	// starts at that time would inherit the open file, and a file that is open for writing cannot be executed.
	binary := filepath.Join(dir, "localca.test")
	if out, err := exec.Command("cp", os.Args[0], binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary, "-test.run=^"+t.Name()+"$")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), helper+"="+dir)
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			return os.Chown(path, nobody, nobody)
		})
		for _, parent := range []string{dir, filepath.Dir(dir)} {
			if err := os.Chmod(parent, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, folder := range []string{req.CADir, filepath.Dir(req.CertFile)} {
		if err := os.Chmod(folder, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(folder, 0o700) })
	}
	out, err := cmd.CombinedOutput()
	var serial string
	var made, madeCA bool
	fmt.Sscanf(string(out), "leaf %s made %t ca %t", &serial, &made, &madeCA)
	if err != nil || serial != leaf.SerialNumber.String() || made || madeCA {
		t.Errorf("got %v and %q, want the certificate that is there, %s", err, out, leaf.SerialNumber)
	}
}

func umask(mask int) int { return syscall.Umask(mask) }

func uidOf(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}
