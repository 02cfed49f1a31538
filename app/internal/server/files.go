package server

import (
	"errors"
	"io/fs"
	"os"

	"example.com/turnkey/app/internal/pages"
	"example.com/turnkey/app/kit"
	"example.com/turnkey/app/settings"
	"example.com/turnkey/middleware"
)

// files returns the site's templates and static files. In development they are the folder web of the working directory,
// and live is true: they are read again at each request. In production, and without such a folder, they are those built
// into the binary.
func (s *Server) files() (files fs.FS, live bool) {
	if files, live = filesOf(s.Site, s.Settings); !live && !s.Settings.Prod && pages.Has(files) {
		s.Log.Info("no folder web in the working directory: pages come from the binary, so edits do not show; " +
			"start in the project's folder to see them")
	}
	return files, live
}

func filesOf(site kit.Site, cfg settings.Settings) (files fs.FS, live bool) {
	if disk := os.DirFS("web"); !cfg.Prod && pages.Has(disk) {
		return disk, true
	}
	return site.Files, false
}

func pageOptions(site kit.Site, files fs.FS, live bool) pages.Options {
	o := pages.Options{Files: files, Live: live, Functions: site.Functions, Values: site.Pages}
	if site.ErrorPage == nil {
		o.Error = middleware.Problem{}
	}
	return o
}

// logFiles logs files that are never served, and faults of live templates. Such a fault does not stop the start: an
// edit of the template mends it.
func (s *Server) logFiles(files fs.FS, site *pages.Pages) {
	for _, note := range pages.UnservedFiles(files) {
		s.Log.Warn(note)
	}
	if err := site.Check(); err != nil {
		s.Log.Error("a template is broken", "error", err)
	}
}

// CheckFiles returns the faults and notes about a site's templates and files that need no routes.
func CheckFiles(site kit.Site, cfg settings.Settings) (faults settings.Faults, notes []string) {
	if site.Files == nil {
		return nil, nil
	}
	files, _ := filesOf(site, cfg)
	_, err := pages.New(pageOptions(site, files, false))
	return asFaults(err), pages.UnservedFiles(files)
}

// asFaults turns an error of pages into faults of settings.
func asFaults(err error) settings.Faults {
	faults, ok := errors.AsType[pages.Faults](err)
	if err != nil && !ok {
		faults = pages.Faults{{File: "web", Problem: err.Error(), Fix: "make it readable"}}
	}
	return settingsFaults(faults)
}

func settingsFaults(of pages.Faults) (faults settings.Faults) {
	for _, f := range of {
		faults = append(faults, settings.Fault{Setting: f.Place(), Problem: f.Problem, Fix: f.Fix})
	}
	return faults
}
