package machine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// handshake starts a process that connects as any program would. It has to be a new process, since crypto/x509 reads
// the system's roots once.
func (d *doctor) handshake(ctx context.Context, addr string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.host.Executable, handshakeCommand, addr)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "SSL_CERT_FILE=") && !strings.HasPrefix(pair, "SSL_CERT_DIR=") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	out, err := cmd.CombinedOutput()
	said := strings.Join(strings.Fields(string(out)), " ")
	var exit *exec.ExitError
	switch {
	case err == nil:
		d.ok("handshake", "a program that relies on the system's store connects: "+said)
	case !errors.As(err, &exit):
		d.wrong("handshake", "no program could be started to try: "+err.Error(), "")
	case d.host.OS == "darwin" || d.host.OS == "windows":
		d.wrong("handshake", "a program that relies on the system's store refuses: "+said, "make trust")
	default:
		d.note("handshake", "a program that relies on the system's store (curl, Go; no browser) refuses: "+said,
			"make trust SYSTEM=1, or one program alone: curl --cacert certs/ca.pem https://"+addr)
	}
}

const handshakeCommand = "shake-hands-with"

// serveHandshake is the process that handshake starts. Call it at the top of main.
func serveHandshake(args []string) {
	if len(args) != 3 || args[1] != handshakeCommand {
		return
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: dialTime}, "tcp", args[2], nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	fmt.Println(tls.VersionName(conn.ConnectionState().Version))
	conn.Close()
	os.Exit(0)
}
