package machine

import (
	"context"
	"errors"
	"os/exec"
	"strings"

	"example.com/turnkey/scripts/internal/truststore"
)

// stores asks every store whether it trusts the CA.
func (d *doctor) stores(ctx context.Context) {
	stores, err := truststore.Detect(ctx, d.host, d.caDir, d.root)
	if err != nil {
		d.wrong("store", err.Error(), "")
		return
	}
	if _, err := exec.LookPath("certutil"); d.host.OS != "windows" && d.host.OS != "darwin" {
		if err == nil {
			d.ok("certutil", "it is installed, so the browsers' stores can be read")
		} else if why := blocked(ctx, stores); why != nil {
			d.wrong("certutil", why.Why+", so the browsers' stores can be neither read nor changed", why.Next)
		}
	}
	refused := truststore.Asked(d.caDir, d.root) == truststore.No
	var boxed []string
	for _, s := range stores {
		info := s.Info()
		name := info.Store + " (" + info.Where + ")"
		if strings.Contains(info.Store, "(snap)") || strings.Contains(info.Store, "(flatpak)") {
			boxed = append(boxed, info.Store)
		}
		has, err := s.Has(ctx)
		var reason *truststore.Blocked
		switch {
		case errors.As(err, &reason):
			d.note("store", name+": "+reason.Why, reason.Next)
		case err != nil:
			d.wrong("store", name+": "+oneLine(err), "by hand: "+info.ByHand)
		case has:
			d.ok("store", name+" trusts the CA"+restart(s))
		case info.Scope == truststore.System:
			d.note("store", name+" does not trust the CA",
				"make trust SYSTEM=1, or one program alone: curl --cacert certs/ca.pem …")
		case refused:
			d.note("store", name+" does not trust the CA, as you decided", "make trust")
		default:
			d.wrong("store", name+" does not trust the CA", "make trust")
		}
	}
	if len(boxed) > 0 {
		d.note("browsers", strings.Join(boxed, ", ")+": sandboxed, with stores of their own, which make trust knows", "")
	}
}

// blocked returns the first reason why a store of the user cannot be asked.
func blocked(ctx context.Context, stores []truststore.Store) *truststore.Blocked {
	for _, s := range stores {
		_, err := s.Has(ctx)
		var reason *truststore.Blocked
		if errors.As(err, &reason) && strings.Contains(reason.Why, "certutil") {
			return reason
		}
	}
	return nil
}

func restart(s truststore.Store) string {
	if program := s.Restart(); program != "" {
		return " (if you see warnings still, restart " + program + " once)"
	}
	return ""
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
