package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"example.com/turnkey/app/settings"
)

// busyPort is a port on which this process listens, as another development server would.
func busyPort(t *testing.T) int {
	t.Helper()
	group, err := listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, ln := range group {
			ln.Close()
		}
	})
	return portNumber(group[0])
}

func TestOnlyDefaultPortsMove(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env         map[string]string
		https, http bool
	}{
		{nil, true, true},
		{map[string]string{"HTTPS_ADDR": "localhost:8443"}, false, true},
		{map[string]string{"HTTP_ADDR": "localhost:8080", "HTTPS_ADDR": " "}, true, false},
		{map[string]string{"TLS_MODE": "proxy"}, false, false},
		{map[string]string{"ENV": "prod", "DOMAINS": "shop.test"}, false, false},
	} {
		cfg, _ := settings.Load(func(k string) (string, bool) { v, ok := test.env[k]; return v, ok }, settings.Dotenv{}, "shop")
		if s := New(cfg); s.HTTPS.Moves != test.https || s.HTTP.Moves != test.http || s.Admin.Moves {
			t.Errorf("%v: https gives way: %v, http: %v", test.env, s.HTTPS.Moves, s.HTTP.Moves)
		}
	}
	// A busy port that a setting names is a fault.
	busy := busyPort(t)
	asked := New(settings.Settings{HTTPSAddr: fmt.Sprintf("localhost:%d", busy)})
	notes, faults := asked.Open()
	defer asked.Close()
	if len(faults) != 1 || len(notes) != 0 || !strings.Contains(faults[0].Problem, "in use by ") {
		t.Errorf("got %v and %v, want a fault", notes, faults)
	}
	// The note names the port, the program that uses it, and the setting.
	moving := New(settings.Settings{HTTPSAddr: fmt.Sprintf("localhost:%d", busy), HTTPSMoves: true})
	notes, faults = moving.Open()
	defer moving.Close()
	if len(faults) > 0 || len(notes) != 1 || !strings.Contains(notes[0], fmt.Sprintf("port %d is in use by ", busy)) || !strings.Contains(notes[0], "set HTTPS_ADDR") {
		t.Errorf("got %v and %v, want a note", notes, faults)
	}
}

// Browsers would never find HTTP/3 there.
func TestAUDPSocketOnAnotherPortIsNoted(t *testing.T) {
	t.Parallel()
	// The system gives clients no port below 32768, such as the QUIC clients of other tests.
	var tcp net.Listener
	for tcp == nil {
		tcp, _ = net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20000+rand.IntN(10000)))
	}
	for same, at := range map[bool]string{true: tcp.Addr().String(), false: "127.0.0.1:0"} {
		udp, err := net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		set := New(settings.Settings{HTTPSAddr: "127.0.0.1:443", HTTP3: true})
		faults := set.Inherit([]Socket{{Name: "https", listener: tcp}, {Name: "https", packets: udp}}, func(string) bool { return true })
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
