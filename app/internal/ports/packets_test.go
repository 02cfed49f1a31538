package ports

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"example.com/turnkey/app/settings"
)

// Browsers would never find HTTP/3 there.
func TestAUDPSocketOnAnotherPortIsNoted(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for same, at := range map[bool]string{true: tcp.Addr().String(), false: "127.0.0.1:0"} {
		udp, err := net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		set := New(settings.Settings{HTTPSAddr: "127.0.0.1:443", HTTP3: true})
		faults := set.Inherit([]Socket{{"https", tcp, nil}, {"https", nil, udp}}, func(string) bool { return true })
		notes, more := set.Open()
		if len(faults)+len(more) > 0 {
			t.Fatal(faults, more)
		}
		passed := fmt.Sprint("on port ", udp.LocalAddr().(*net.UDPAddr).Port)
		if got := strings.Join(notes, "\n"); (got == "") != same || !same && !strings.Contains(got, passed) {
			t.Errorf("same port %v: the notes are %q", same, got)
		}
	}
	tcp.Close()
}
