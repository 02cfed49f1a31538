package server

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestTimeoutsOnBothListeners(t *testing.T) {
	t.Parallel()
	srv := (&Server{}).newServer(http.NotFoundHandler())
	if srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 25*time.Second || srv.WriteTimeout != 30*time.Second || srv.IdleTimeout != 120*time.Second || srv.MaxHeaderBytes != 64<<10 {
		t.Errorf("got %+v", srv)
	}
}

var ginsRun = regexp.MustCompile(`\b(r|router|engine)\.Run(TLS|Unix|Fd|QUIC|Listener)?\(`)

// gin's Run, RunTLS and similar methods serve without timeouts, TLS settings or a shutdown.
func TestGinsRunIsNotCalled(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, room := range []string{".", "../command", "../ports", "../dev", "../../../middleware"} {
		files, err := filepath.Glob(filepath.Join(room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if at := ginsRun.FindString(string(data)); at != "" {
				t.Errorf("%s calls %s…)", file, at)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d files seen", seen)
	}
}
