package admin

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/turnkey/tlsconfig"
)

// newMetrics is /metrics: certificates as their source sees them at that moment, and the Go runtime.
func newMetrics(source tlsconfig.Source) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{source})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector is a prometheus.Collector.
type collector struct{ source tlsconfig.Source }

var (
	byHost       = []string{"host"}
	descNotAfter = prometheus.NewDesc("certificate_not_after_timestamp_seconds", "End of the certificate's life; 0 while there is none.", byHost, nil)
	descRenewAt  = prometheus.NewDesc("certificate_renewal_timestamp_seconds", "When the certificate is renewed; 0 where somebody else does that.", byHost, nil)
	descFailing  = prometheus.NewDesc("certificate_failed_attempts", "Attempts in a row that came to nothing.", byHost, nil)
	descError    = prometheus.NewDesc("certificate_last_error_info", "What went wrong last; absent after a success.", []string{"host", "error"}, nil)
	descOrders   = prometheus.NewDesc("certificate_orders_total", "Orders placed by this process.", byHost, nil)
	descRefused  = prometheus.NewDesc("tls_handshakes_refused_total", "Handshakes that were given no certificate.", []string{"reason"}, nil)
)

func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descNotAfter, descRenewAt, descFailing, descError, descOrders, descRefused} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	seen := map[string]bool{}
	status := c.source.Status()
	// Of an RSA and an ECDSA certificate for one host, the one that ends first is the one to watch.
	slices.SortStableFunc(status, func(a, b tlsconfig.Status) int { return a.NotAfter.Compare(b.NotAfter) })
	for _, s := range status {
		name := s.Names[0]
		if seen[name] {
			continue
		}
		seen[name] = true
		gauge(descNotAfter, seconds(s.NotAfter), name)
		gauge(descRenewAt, seconds(s.RenewAt), name)
		gauge(descFailing, float64(s.Failures), name)
		if s.Error != "" {
			gauge(descError, 1, name, strings.ToValidUTF8(s.Error, "?"))
		}
		ch <- prometheus.MustNewConstMetric(descOrders, prometheus.CounterValue, float64(s.Orders), name)
	}
	if r, ok := c.source.(interface{ Refused() map[string]uint64 }); ok {
		for reason, n := range r.Refused() {
			ch <- prometheus.MustNewConstMetric(descRefused, prometheus.CounterValue, float64(n), reason)
		}
	}
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}
