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

// newMetrics returns the handler of /metrics: the certificates, as their source reports them at that moment, and the Go
// runtime.
func newMetrics(source tlsconfig.Source) http.Handler {
	registry := prometheus.NewRegistry()
	process := collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	registry.MustRegister(collectors.NewGoCollector(), process, collector{source})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector makes metrics of the status of certificates. It is a prometheus.Collector.
type collector struct{ source tlsconfig.Source }

var (
	descNotAfter = describe("certificate_not_after_timestamp_seconds",
		"End of the certificate's life; 0 while there is none.", "host")
	descRenewAt = describe("certificate_renewal_timestamp_seconds",
		"When this server renews the certificate; 0 if another program does.", "host")
	descFailing = describe("certificate_failed_attempts",
		"Failed attempts in a row to get a certificate.", "host")
	descError = describe("certificate_last_error_info",
		"The last error; absent after a success.", "host", "error")
	descOrders = describe("certificate_orders_total",
		"Orders placed by this process.", "host")
	descRefused = describe("tls_handshakes_refused_total",
		"Handshakes that were given no certificate.", "reason")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

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
	// If a host has an RSA and an ECDSA certificate, report the one that ends first.
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

// seconds returns a Unix time, or 0 for the zero time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}
