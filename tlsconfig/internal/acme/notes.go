package acme

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"example.com/turnkey/tlsconfig/internal/cert"
	"example.com/turnkey/tlsconfig/internal/store"
	"example.com/turnkey/tlsconfig/setting"
)

// Inspect looks into the store, for what Check does not see. Notes are what an operator should know though it is no
// fault, for example that an earlier attempt failed. It changes nothing but a test key in Redis; see store.Check.
func (s Settings) Inspect() (faults []setting.Fault, notes []string) {
	if s.Cache == "" || store.CheckURL(s.Cache) != nil {
		return nil, nil // Check reports it
	}
	if problem, fix := store.Check(s.Cache); problem != "" {
		shown := setting.Redacted(s.Cache)
		if !s.canServe() {
			return []setting.Fault{{Setting: "ACME_CACHE", Value: shown, Problem: problem, Fix: fix}}, nil
		}
		notes = append(notes, fmt.Sprintf("ACME_CACHE=%s %s\n      → the certificates in it are served, "+
			"and none is renewed before it can be written: %s", shown, problem, fix))
	}
	if !store.IsRedis(s.Cache) {
		notes = append(notes, store.Exposed(s.Cache)...)
		if err := store.Writable(s.Cache); err != nil && s.canServe() {
			notes = append(notes, fmt.Sprintf("ACME_CACHE=%s %v\n      → the certificates in it are served, "+
				"and none is renewed before it can be written: "+
				"free space there, or make it writable for this user", s.Cache, err))
		}
	}
	slot := store.Existing(s.Cache, s.Directory)
	for _, host := range s.Domains {
		note, err := hostNote(slot, host)
		if err != nil {
			return nil, append(notes, fmt.Sprintf("ACME_CACHE cannot be read: %v\n"+
				"      → the server starts, and orders nothing until it can read it", err))
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	return nil, notes
}

// hostNote says why a host's last attempt failed, or what its certificate lacks. It is empty if all is well.
func hostNote(slot *store.Slot, host string) (string, error) {
	data, err := slot.Get(context.Background(), host+".json")
	if err != nil && !store.IsMissing(err) {
		return "", err
	}
	var rec record
	if err != nil || json.Unmarshal(data, &rec) != nil || rec.Problem == nil {
		return lackingNote(slot, host), nil
	}
	note := fmt.Sprintf("%s: the last attempt to get a certificate failed (%d in a row): %v",
		host, rec.Failures, rec.Problem)
	if advice := rec.Problem.Advice(host); advice != "" {
		note += "\n      → " + advice
	}
	again := rec.Next.UTC().Format(time.RFC3339)
	return note + "\n      → the server tries again at " + again + ", or at once on SIGHUP", nil
}

func lackingNote(slot *store.Slot, host string) string {
	data, err := slot.Get(context.Background(), host+".pem")
	if err != nil {
		return ""
	}
	c, err := cert.Unmarshal(data, host)
	if err != nil || c.Lacks == "" {
		return ""
	}
	return fmt.Sprintf("%s: the certificate in ACME_CACHE: %s", host, c.Lacks)
}
