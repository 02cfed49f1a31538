package command

import (
	"log/slog"

	"example.com/turnkey/app/internal/dev"
	"example.com/turnkey/app/internal/ports"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/tlsconfig"
)

// loaded is what every command needs: the settings with all faults, the ports, and the link to `make dev`.
type loaded struct {
	settings settings.Settings
	names    func() []string // returns the current names of a development site; nil in production
	hosts    []string        // host names to answer for at the start; empty: every host
	ports    *ports.Set      // only inherited ones are open
	dev      *dev.Link       // nil unless `make dev` started this process
	warnings []string        // for the operator: values that are valid but probably a mistake
	faults   settings.Faults
}

// load reads the settings, takes over inherited sockets, and connects to `make dev` if that started this process.
// Faults are in the result.
func load(w World, site kit.Site) loaded {
	var l loaded
	l.settings, l.faults = loadSettings(w, site)
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

// loadSettings reads the settings of the program and of the site, and checks what the site declares.
func loadSettings(w World, site kit.Site) (settings.Settings, settings.Faults) {
	var own []settings.Own
	for _, declared := range site.Settings {
		own = append(own, settings.Own{Name: declared.Name, About: declared.About, Default: declared.Default,
			Required: declared.Required, Secret: declared.Secret, Check: declared.Check})
	}
	s, faults := settings.Load(w.Lookup, w.Dotenv, project(), own...)
	return s, append(faults, misdeclared(site.Commands)...)
}

// inherit takes over sockets. If one cannot be used, no port is opened, because the parent process probably still
// listens.
func (l *loaded) inherit(w World) {
	sockets, faults := ports.Inherited(w.Lookup)
	faults = append(faults, l.ports.Inherit(sockets, l.dev.Wanted)...)
	if len(faults) > 0 {
		l.ports.DoNotOpen()
	}
	l.faults = append(l.faults, faults...)
}

func (l *loaded) tlsOptions(log *slog.Logger) tlsconfig.Options {
	cfg := l.settings
	return tlsconfig.Options{
		Mode: cfg.Mode, Domains: cfg.Domains, CertFiles: cfg.CertFiles, KeyFiles: cfg.KeyFiles,
		ClientCAFile: cfg.ClientCAFile, Prod: cfg.Prod,
		LocalNames: l.names, LocalCADir: cfg.LocalCADir, LocalOwner: cfg.LocalOwner,
		Email: cfg.ACMEEmail, Directory: cfg.ACMEDirectory, CAFile: cfg.ACMECAFile, CacheDir: cfg.ACMECache,
		CacheCA: cfg.ACMECacheCAFile, CacheKeys: cfg.ACMECacheKeys,
		Profile: cfg.ACMEProfile, Rehearsal: cfg.ACMERehearsal, PlainPort: l.ports.HTTP.Addr != "",
		EABKeyID: cfg.EABKeyID, EABKey: cfg.EABKey, Log: log,
	}
}

func (l *loaded) env() string {
	if l.settings.Prod {
		return "prod"
	}
	return "dev"
}
