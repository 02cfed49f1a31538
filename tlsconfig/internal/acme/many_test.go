package acme

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
)

// BenchmarkManyHosts measures a start with the certificates of 10,000 hosts in a directory, the memory that they take,
// and GetCertificate. One iteration is enough: go test -run '^$' -bench ManyHosts -benchtime 1x ./tlsconfig/internal/acme
func BenchmarkManyHosts(b *testing.B) {
	const number = 10_000
	cache := b.TempDir()
	slot, err := store.Config{Where: cache}.Open(unreachable)
	if err != nil {
		b.Fatal(err)
	}
	var hosts []string
	for i := range number {
		host := fmt.Sprintf("shop%d.example.test", i)
		data, err := cert.Marshal(newCertificate(b, host))
		if err != nil {
			b.Fatal(err)
		}
		if err := slot.Put(b.Context(), host+".pem", "", data, 0); err != nil {
			b.Fatal(err)
		}
		hosts = append(hosts, host)
	}
	b.ResetTimer()
	for range b.N {
		before := heap()
		began := time.Now()
		s := New(Options{Domains: hosts, Issuer: scripted{}, Store: slot, Settings: "some", Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		for _, h := range s.hosts {
			for h.leaf.Load() == nil {
				time.Sleep(time.Millisecond)
			}
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/start")
		time.Sleep(2 * time.Second) // for the records to be written
		b.ReportMetric(float64(heap()-before)/(1<<20), "MB")
		hello := &tls.ClientHelloInfo{ServerName: hosts[number/2]}
		b.ReportMetric(testing.AllocsPerRun(1000, func() { s.getCertificate(hello) }), "allocs/lookup")
		began = time.Now()
		for range 1_000_000 {
			s.getCertificate(hello)
		}
		b.ReportMetric(float64(time.Since(began).Nanoseconds())/1e6, "ns/lookup")
		cancel()
		<-ended
	}
}

// heap returns the bytes that are in use, on the heap and on stacks. Each collection halves stacks that are too large.
func heap() uint64 {
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
