package storm

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"example.com/turnkey/e2e/rig"
)

// A proxy in front of the CA answers with its maintenance page. The log, /readyz, /metrics and check all name the URL
// and what it answered.
func TestProxyPageInPlaceOfTheCAIsReported(t *testing.T) {
	t.Parallel()
	admin := rig.Port(t)
	s := newScene(t, rig.PebbleOptions{}, rig.Env{"ADMIN_ADDR": rig.Loopback(admin)})
	s.pebble.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "<html><title>Back at noon</title></html>")
		return true
	})
	p := s.start()
	words := s.pebble.Directory + " answered 503 Service Unavailable with an HTML page titled "
	line := fmt.Sprint(s.errorLine(p, words))
	status, ready := s.readyz()
	metrics := rig.Get(t, http.DefaultClient, fmt.Sprintf("http://%s/metrics", rig.Loopback(admin))).Body
	p.Signal(t, syscall.SIGTERM)
	p.ExitCode(t, patience)
	check := rig.Run(t, t.TempDir(), s.env, "check").Stdout
	for where, text := range map[string]string{"the log": line, "/readyz": ready, "/metrics": metrics, "check": check} {
		if !strings.Contains(text, words) || !strings.Contains(text, "Back at noon") {
			t.Errorf("%s does not say %q:\n%s", where, words, text)
		}
		if strings.Contains(text, "about:blank") {
			t.Errorf("%s says about:blank:\n%s", where, text)
		}
	}
	if status != http.StatusServiceUnavailable || !strings.Contains(line+check, "ACME_DIRECTORY") {
		t.Errorf("/readyz = %d; the advice is missing in %s", status, line)
	}
}
