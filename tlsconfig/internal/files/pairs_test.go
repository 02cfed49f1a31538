package files

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/turnkey/tlsconfig/chain/chaintest"
	"example.com/turnkey/tlsconfig/setting"
)

// swap is a site that serves a pair of files over a socket.
type swap struct {
	*Source
	t         *testing.T
	options   Options
	authority *chaintest.Authority
	log       bytes.Buffer
	addr      string
}

func newSwap(t *testing.T) *swap {
	t.Helper()
	s := &swap{t: t, authority: chaintest.New(t, "a.test")}
	dir := t.TempDir()
	s.options = Options{Prod: true, Domains: []string{"a.test"}, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		CertFiles: []string{filepath.Join(dir, "cert.pem")}, KeyFiles: []string{filepath.Join(dir, "key.pem")}}
	return s
}

// put writes a pair's files.
func (s *swap) put(certPEM, keyPEM []byte) {
	s.t.Helper()
	write(s.t, s.options.CertFiles[0], certPEM)
	write(s.t, s.options.KeyFiles[0], keyPEM)
}

// serve starts with the files as they are.
func (s *swap) serve(t *testing.T) error {
	t.Helper()
	var err error
	if s.Source, err = New(s.options); err != nil {
		return err
	}
	s.addr = chaintest.Serve(t, s.TLSConfig())
	return nil
}

// visit returns the leaf that a client gets that trusts only the root.
func (s *swap) visit(t *testing.T) (*x509.Certificate, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", s.addr, &tls.Config{ServerName: "a.test", RootCAs: s.authority.Roots()})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestABadPairRefusesTheStartAndCheckNamesTheSetting(t *testing.T) {
	t.Parallel()
	s := newSwap(t)
	for _, row := range chaintest.Bad() {
		t.Run(row.Name, func(t *testing.T) {
			s.put(row.Pair(s.authority))
			if err := s.serve(t); err == nil || !strings.Contains(err.Error(), row.Says) {
				t.Errorf("the start says %v, want %q", err, row.Says)
			}
			variable := "TLS_CERT_FILE"
			if row.OfKey {
				variable = "TLS_KEY_FILE"
			}
			// The table's commands have placeholders where check prints the names of the files.
			words := strings.NewReplacer(" "+s.options.CertFiles[0]+" ", " CERT ",
				" "+s.options.KeyFiles[0]+" ", " KEY ")
			faults := Check(s.options)
			if !slices.ContainsFunc(faults, func(f setting.Fault) bool {
				return f.Setting == variable && strings.Contains(words.Replace(f.Problem+": "+f.Fix), row.Says) &&
					f.Fix != ""
			}) {
				t.Errorf("check says %v, want %q under %s", faults, row.Says, variable)
			}
		})
	}
}

func TestVisitorsVerifyEveryGoodPairOfFiles(t *testing.T) {
	t.Parallel()
	s := newSwap(t)
	for _, row := range chaintest.Good() {
		t.Run(row.Name, func(t *testing.T) {
			s.put(row.Pair(s.authority))
			if err := s.serve(t); err != nil {
				t.Fatal(err)
			}
			if _, err := s.visit(t); err != nil {
				t.Error(err)
			}
			faults, notes := Check(s.options), strings.Join(Notes(s.options), "\n")
			if len(faults) > 0 || !strings.Contains(notes, row.Says) {
				t.Errorf("check says %v and notes %q, want no fault and %q", faults, notes, row.Says)
			}
		})
	}
}

func TestABadPairDoesNotReplaceAGoodOneThatIsServed(t *testing.T) {
	t.Parallel()
	s := newSwap(t)
	goodCert, goodKey := s.authority.Good()
	s.put(goodCert, goodKey)
	if err := s.serve(t); err != nil {
		t.Fatal(err)
	}
	first, err := s.visit(t)
	if err != nil {
		t.Fatal(err)
	}
	alone, selfSigned := chaintest.Alone(), chaintest.SelfSigned()
	alone.Says, selfSigned.Says = "is missing, and was there before",
		"it is self-signed, and the one before was signed by a CA"
	rows := append(chaintest.Bad(), alone, selfSigned)
	for _, row := range rows {
		t.Run(row.Name, func(t *testing.T) {
			s.log.Reset()
			s.put(row.Pair(s.authority))
			s.look(true)
			if got, err := s.visit(t); err != nil || !got.Equal(first) {
				t.Errorf("the good pair is gone: %v", err)
			}
			if log := s.log.String(); !strings.Contains(log, "level=ERROR") ||
				!strings.Contains(unquoted(log), row.Says) || strings.Contains(log, "renewed") {
				t.Errorf("the log says %s, want an error with %q", log, row.Says)
			}
			if got := s.Status()[0].Error; !strings.Contains(got, row.Says) {
				t.Errorf("the status says %q, want %q", got, row.Says)
			}
			s.put(goodCert, goodKey)
			s.look(true)
			if got := s.Status()[0].Error; got != "" {
				t.Errorf("the good files are back and the status says %q", got)
			}
		})
	}
	s.put(s.authority.Good())
	s.look(true)
	if got, err := s.visit(t); err != nil || got.Equal(first) || s.Status()[0].Error != "" {
		t.Errorf("a good pair is not taken up after the bad ones: %v, %+v", err, s.Status()[0])
	}
}

func unquoted(s string) string { return strings.ReplaceAll(s, `\\`, `\`) }

func TestALeafWithoutACAIsServedWithAWarning(t *testing.T) {
	t.Parallel()
	for _, row := range []chaintest.Row{chaintest.Alone(), chaintest.SelfSigned()} {
		t.Run(row.Name, func(t *testing.T) {
			s := newSwap(t)
			s.put(row.Pair(s.authority))
			if err := s.serve(t); err != nil {
				t.Fatal(err)
			}
			if faults, notes := Check(s.options), strings.Join(Notes(s.options), "\n"); len(faults) > 0 ||
				!strings.Contains(notes, row.Says) {
				t.Errorf("check says %v and notes %q", faults, notes)
			}
			if log := s.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, row.Says) {
				t.Errorf("the log says %s", log)
			}
			before := serial(t, s.Source, "a.test")
			s.put(row.Pair(s.authority))
			s.look(true)
			if serial(t, s.Source, "a.test") == before || s.Status()[0].Error != "" {
				t.Errorf("its renewal is not served: %+v", s.Status()[0])
			}
		})
	}
}

// Clients refuse the expired pair. Some of them may accept the new one.
func TestOnceTheOldLeafHasExpiredABadPairIsServedWithAnError(t *testing.T) {
	t.Parallel()
	for _, row := range chaintest.Bad() {
		t.Run(row.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // sets the clock
				s := newSwap(t)
				s.put(chaintest.Aged(48*time.Hour, time.Hour).Pair(s.authority))
				var err error
				if s.Source, err = New(s.options); err != nil {
					t.Fatal(err)
				}
				old := serial(t, s.Source, "a.test")
				s.put(row.Pair(s.authority))
				s.look(true)
				if serial(t, s.Source, "a.test") != old {
					t.Fatal("taken up while the old pair was good")
				}
				time.Sleep(2 * time.Hour)
				s.log.Reset()
				s.look(true)
				// Another pair that has expired, or is for no host, is not better.
				taken := serial(t, s.Source, "a.test") != old
				if want := !row.Unmet && row.Name != "the leaf has expired" &&
					row.Name != "the leaf names no host"; taken != want {
					t.Fatalf("taken up: %v, want %v:\n%s", taken, want, &s.log)
				}
				if !taken {
					return
				}
				if log := s.log.String(); !strings.Contains(log, "level=ERROR") ||
					!strings.Contains(unquoted(log), row.Says) {
					t.Errorf("the log says %s, want an error with %q", log, row.Says)
				}
				s.look(true)
				if got := s.Status()[0].Error; !strings.Contains(got, row.Says) {
					t.Errorf("at the next look the status says %q, want %q", got, row.Says)
				}
			})
		})
	}
}

// A certificate that is renewed in time gives no alarm, however short its life is, and one that is not gives one.
func TestOverdueCertificatesAreReported(t *testing.T) {
	t.Parallel()
	for _, row := range chaintest.Ages() {
		t.Run(row.Name, func(t *testing.T) {
			s := newSwap(t)
			s.put(row.Pair(s.authority))
			var err error
			if s.Source, err = New(s.options); err != nil {
				t.Fatal(err)
			}
			s.look(false)
			s.look(false)
			want := 0
			if row.Says != "" {
				want = 1 // a day
			}
			if got := strings.Count(s.log.String(), "level=WARN"); got != want {
				t.Errorf("%d warnings, want %d:\n%s", got, want, &s.log)
			}
			notes := strings.Join(Notes(s.options), "\n")
			if got := strings.Contains(notes, "it expires on") && strings.Contains(notes, "→ find out why"); got != (want == 1) {
				t.Errorf("check has the notes %q", notes)
			}
		})
	}
}

func TestCheckReportsKeyReadableByOthers(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no such modes there")
	}
	s := newSwap(t)
	s.put(s.authority.Good())
	for mode, want := range map[uint32]string{0o600: "", 0o400: "", 0o644: "chmod 600", 0o604: "chmod 600",
		0o660: "chmod 600", 0o640: "chmod 600"} {
		chmod(t, s.options.KeyFiles[0], mode)
		if got := strings.Join(Notes(s.options), "\n"); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("mode %04o: %q, want %q", mode, got, want)
		}
	}
}

func chmod(t *testing.T, file string, mode uint32) {
	t.Helper()
	if err := os.Chmod(file, os.FileMode(mode)); err != nil {
		t.Fatal(err)
	}
}
