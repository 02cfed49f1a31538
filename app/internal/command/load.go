package command

import (
	"log/slog"

	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/tlsconfig"
)

// loaded is what every command begins with.
type loaded struct {
	settings settings.Settings
	names    func() []string // of a development site, as they are now; nil in production
	hosts    []string        // answered for at the start; empty: every host
	ports    *ports.Set      // none is open but inherited ones
	dev      *dev.Link       // nil unless `make dev` started this process
	warnings []string
	faults   settings.Faults
}

// load reads the settings, takes over inherited sockets, and connects to `make dev` if that started this process.
func load(w World) loaded {
	var l loaded
	l.settings, l.faults = settings.Load(w.Lookup, w.Dotenv, project())
	switch cfg := l.settings; {
	case !cfg.Prod:
		l.names = w.Dotenv.Names(cfg)
		l.hosts = l.names()
	case cfg.Mode == tlsconfig.Files && len(cfg.Domains) == 0:
		l.hosts = tlsconfig.CertNames(cfg.CertFiles, cfg.KeyFiles)
	default:
		l.hosts = cfg.Domains
	}
	l.warnings = append(l.settings.Warnings, l.settings.AnonymousOrigins(l.hosts)...)
	l.ports = ports.New(l.settings)
	addresses := map[string]string{}
	for _, p := range l.ports.All() {
		addresses[p.Name] = p.Addr
	}
	l.dev = dev.Connect(w.Lookup, addresses, l.settings.Prod)
	l.inherit(w)
	return l
}

// inherit takes over sockets. If one cannot be used no port is opened, because the parent process probably still listens.
func (l *loaded) inherit(w World) {
	sockets, faults := ports.Inherited(w.Lookup)
	faults = append(faults, l.ports.Inherit(sockets, l.dev.Wanted)...)
	if len(faults) > 0 {
		l.ports.DoNotOpen()
	}
	l.faults = append(l.faults, faults...)
}

// tlsOptions is the part of the settings that makes certificates.
func (l *loaded) tlsOptions(log *slog.Logger) tlsconfig.Options {
	cfg := l.settings
	return tlsconfig.Options{
		Mode: cfg.Mode, Domains: cfg.Domains, CertFiles: cfg.CertFiles, KeyFiles: cfg.KeyFiles, ClientCAFile: cfg.ClientCAFile,
		Prod: cfg.Prod, LocalNames: l.names, LocalCADir: cfg.LocalCADir, LocalOwner: cfg.LocalOwner,
		Email: cfg.ACMEEmail, Directory: cfg.ACMEDirectory, CAFile: cfg.ACMECAFile, CacheDir: cfg.ACMECache,
		Profile: cfg.ACMEProfile, Rehearsal: cfg.ACMERehearsal, PlainPort: l.ports.HTTP.Addr != "",
		EABKeyID: cfg.EABKeyID, EABKey: cfg.EABKey, Log: log,
	}
}
