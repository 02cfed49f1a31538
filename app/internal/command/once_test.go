package command_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/kit"
)

// A site runs as two servers that share a folder, and is started again later.
func TestARepeatedJobRunsOnceAPeriodOnAllServersTogether(t *testing.T) {
	t.Parallel()
	var d diary
	served := lifeSite(func(_ *gin.Engine, server kit.Server) error {
		server.Once("send the news", time.Hour, func(context.Context) error {
			d.note("news")
			return errors.New("no paper")
		})
		server.Once(strings.Repeat("新闻", 40), time.Hour, func(context.Context) error { d.note("a long name"); return nil })
		server.Once("sweep", 300*time.Millisecond, func(context.Context) error { d.note("sweep"); return nil })
		return nil
	})
	settings := with(prod, "ACME_CACHE", filepath.Join(t.TempDir(), "acme"))
	count := func(what string) (n int) {
		for _, line := range d.all() {
			if line == what {
				n++
			}
		}
		return n
	}
	began := time.Now()
	one, two := startSite(t, settings, served), startSite(t, settings, served)
	eventually(t, "a few sweeps", func() bool { return count("sweep") >= 3 && count("news") > 0 && count("a long name") == 1 })
	if most := 1 + int(time.Since(began)/(300*time.Millisecond)); count("sweep") > most || count("news") != 1 {
		t.Errorf("%d sweeps, want %d at most; the news %d times, want once", count("sweep"), most, count("news"))
	}
	if all := one.Log() + two.Log(); strings.Count(all, "no paper") != 1 {
		t.Errorf("want the failure logged once:\n%s", all)
	}
	for _, s := range []*site{one, two} {
		s.stop()
		s.wait()
	}
	sweeps := count("sweep")
	startSite(t, settings, served)
	eventually(t, "the next sweep", func() bool { return count("sweep") > sweeps })
	if count("news") != 1 {
		t.Error("the news were sent again by a restart")
	}
}

// A job is under way on one server when its period has gone by. It ends with its server, and another goes on.
func TestARepeatedJobIsNotBegunWhileItRuns(t *testing.T) {
	t.Parallel()
	var running [2]chan bool
	settings := with(prod, "ACME_CACHE", filepath.Join(t.TempDir(), "acme"))
	start := func(i int) *site {
		running[i] = make(chan bool, 10)
		return startSite(t, settings, lifeSite(func(_ *gin.Engine, server kit.Server) error {
			server.Once("sums", 10*time.Millisecond, func(ctx context.Context) error {
				running[i] <- true
				<-ctx.Done()
				return ctx.Err()
			})
			return nil
		}))
	}
	first := start(0)
	<-running[0]
	start(1)
	select {
	case <-running[1]:
		t.Fatal("both servers run the job")
	case <-time.After(300 * time.Millisecond):
	}
	first.stop()
	first.wait()
	if strings.Contains(first.Log(), `"level":"ERROR"`) {
		t.Errorf("a job that ends with its server is logged as a failure:\n%s", first.Log())
	}
	<-running[1]
}

func TestARepeatedJobNeedsAStore(t *testing.T) {
	t.Parallel()
	once := func(name string, period time.Duration) kit.Site {
		return lifeSite(func(_ *gin.Engine, server kit.Server) error {
			server.Once("sweep", time.Hour, func(context.Context) error { return nil })
			server.Once(name, period, func(context.Context) error { return nil })
			return nil
		})
	}
	for _, test := range []struct {
		site  kit.Site
		cache string
		want  string
	}{
		{once("mail", time.Hour), "/dev/null/acme", "ACME_CACHE"},
		{once("sweep", time.Hour), "", "a repeated job of this name already"},
		{once("", time.Hour), "", "needs a name"},
		{once("mail", 0), "", "a period above zero"},
	} {
		settings := prod
		if test.cache != "" {
			settings = with(prod, "ACME_CACHE", test.cache)
		}
		if code, said := runSite(t, test.site, settings); code != 1 || !strings.Contains(said, test.want) {
			t.Errorf("exit status %d, want 1 and %q:\n%s", code, test.want, said)
		}
	}
}
