//go:build unix

package command_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/turnkey/app/internal/logs"
	"example.com/turnkey/middleware"
	"example.com/turnkey/tlsconfig/localca"
)

// BenchmarkChain compares the whole middleware chain with its access log to three servers: bare gin, gin.Default, and
// gin that only sends the same security headers. All serve the same route over TLS. Each server is a process of its own
// with one processor. Each is measured for a second in turn, and the results are the medians of the rounds' ratios. Run
// it with
//
//	go test -tags nomsgpack -run '^$' -bench Chain -benchtime 15x ./app
func BenchmarkChain(b *testing.B) {
	kinds := []string{"bare", "again", "headers", "default", "chain"}
	servers := map[string]*benchTarget{}
	dir := b.TempDir()
	for _, k := range kinds {
		servers[k] = startBench(b, dir, k)
	}
	rates, cpus := map[string][]float64{}, map[string][]float64{}
	for _, k := range kinds {
		servers[k].load(b, 300*time.Millisecond) // warm up
	}
	for round := 0; b.Loop(); round++ {
		rate, cpu := map[string]float64{}, map[string]float64{}
		for i := range kinds { // the order changes, because the position in a round affects the result
			k := kinds[(i+round)%len(kinds)]
			rate[k], cpu[k] = servers[k].load(b, time.Second)
		}
		for _, k := range kinds[1:] {
			rates[k] = append(rates[k], rate[k]/rate["bare"])
			cpus[k] = append(cpus[k], cpu[k]/cpu["bare"])
		}
	}
	for _, k := range kinds[1:] {
		b.ReportMetric(median(rates[k]), k+"/bare-req/s")
		b.ReportMetric(median(cpus[k]), k+"/bare-cpu")
	}
	b.ReportMetric(0, "ns/op") // hides the time of a round, which means nothing
}

func init() { benchServer = serveBench }

// serveBench runs in the child process and serves one of the servers to compare.
func serveBench(kind string) {
	runtime.GOMAXPROCS(1)
	gin.SetMode(gin.ReleaseMode)
	cert, err := tls.LoadX509KeyPair("cert.pem", "key.pem")
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	check(err)
	var h http.Handler
	switch kind {
	case "chain":
		h = handlerOf(&fatal{}, map[string]string{"ENV": "prod", "TLS_MODE": "files", "TLS_CERT_FILE": "cert.pem", "TLS_KEY_FILE": "key.pem",
			"DOMAINS": "shop.test"}, siteWith(benchRoutes), logs.NewWriter(os.Stdout))
	default:
		r := gin.New()
		if kind == "default" {
			gin.DefaultWriter = os.Stdout
			r = gin.Default()
		}
		if kind == "headers" {
			r.Use(middleware.SecurityHeaders())
		}
		r.GET("/bench", benchAnswer)
		h = r
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
	check(err)
	usage, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(usage, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var u syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		fmt.Fprint(w, u.Utime.Nano()+u.Stime.Nano())
	}))
	fmt.Fprintln(os.Stderr, ln.Addr(), usage.Addr())
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	log.Fatal(srv.Serve(ln))
}

// fatal is the testing.TB of a process that runs no test.
type fatal struct{ testing.TB }

func (*fatal) Fatal(args ...any) { log.Fatal(args...) }

type benchTarget struct {
	addr, usage string
	config      *tls.Config
}

func startBench(b *testing.B, dir, kind string) *benchTarget {
	b.Helper()
	req := localca.Request{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), CADir: filepath.Join(dir, "ca"), Names: []string{"shop.test"}}
	if _, err := localca.Ensure(req); err != nil {
		b.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, kind+".log"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Dir = dir
	cmd.Stdout = out
	cmd.Env = append(os.Environ(), "TURNKEY_BENCH_SERVER="+kind)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	t := &benchTarget{}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if _, err := fmt.Sscan(line, &t.addr, &t.usage); err != nil {
		b.Fatalf("server %s: %q %v", kind, line, err)
	}
	if err != nil {
		b.Fatal(err)
	}
	go io.Copy(io.Discard, stderr)
	root, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		b.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	t.config = &tls.Config{RootCAs: pool, ServerName: "shop.test"}
	return t
}

// load keeps 32 connections busy and returns requests per second and the server's processor time a request.
func (t *benchTarget) load(b *testing.B, d time.Duration) (rate, cpu float64) {
	b.Helper()
	var done atomic.Int64
	var wg sync.WaitGroup
	conns := make([]*tls.Conn, 32)
	for i := range conns {
		c, err := tls.Dial("tcp", t.addr, t.config)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	start, before := time.Now(), t.cpu(b)
	end := start.Add(d)
	for _, c := range conns {
		wg.Go(func() {
			request := []byte("GET /bench HTTP/1.1\r\nHost: shop.test\r\nUser-Agent: bench\r\n\r\n")
			r := bufio.NewReader(c)
			for time.Now().Before(end) {
				if _, err := c.Write(request); err != nil {
					b.Error(err)
					return
				}
				if err := readResponse(r); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	n := float64(done.Load())
	return n / time.Since(start).Seconds(), (t.cpu(b) - before) / n
}

// readResponse reads one response with little work and returns an error unless its status is 200.
func readResponse(r *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !strings.HasPrefix(string(line), "HTTP/1.1 200") {
			return fmt.Errorf("got %q", line)
		}
		if len(line) == 2 {
			break
		}
		if rest, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			fmt.Sscan(rest, &length)
		}
	}
	_, err := r.Discard(length)
	return err
}

func (t *benchTarget) cpu(b *testing.B) float64 {
	resp, err := http.Get("http://" + t.usage)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	var ns float64
	fmt.Fscan(resp.Body, &ns)
	return ns
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}
