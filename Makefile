# Every target works on a fresh clone with Go, git and make.
#
# nomsgpack leaves out a codec that gin links and nothing here uses: half the binary.
TAGS := -tags nomsgpack
# The race detector needs a C compiler on some systems; where there is none, tests run without it.
RACE := $(shell test "$$(go env CGO_ENABLED)" = 1 && echo -race)
EXE  := $(shell go env GOEXE)
BIN  := bin/$(notdir $(shell GOWORK=off go list -m))$(EXE)
DEV  := bin/scripts/dev$(EXE)
DOCTOR := bin/doctor$(EXE)
FUZZTIME ?= 60s
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Whether there is nothing to ask before serving: nobody is there, or the answer is newer than the CA. It costs no
# start of a program; one directory for each of the systems that localca.Dir knows.
CA_DIRS = "$${XDG_DATA_HOME:-$$HOME/.local/share}/turnkey" "$$HOME/Library/Application Support/turnkey" "$$LOCALAPPDATA/turnkey"
ASKED   = test -n "$$CI" || ! test -t 0 || ! test -t 1 || for d in $(CA_DIRS); do test "$$d/asked" -nt "$$d/issuer.pem" && exit; done

.PHONY: help dev doctor phone rehearse test fuzz bench lint build trust untrust clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What an edit waits for is the compiler and the linker: no debugging tables (dlv debug ./app builds its own), no optimizing
# of package main, no C. Together a third less.
dev: $(DEV) ## serve https://localhost:8443 and follow every edit; the first run makes its certificate and asks about trust
	@$(ASKED) || go run ./scripts/trust -ask || true
	@CGO_ENABLED=0 exec ./$(DEV) $(TAGS) -ldflags=-w '-gcflags=./app=-N -l'

# Built by its dates, since asking the go command each time takes as long as the rest of a start.
$(DEV): go.mod $(wildcard scripts/dev/*.go scripts/internal/gotool/*.go)
	@go build -o $@ ./scripts/dev

test:: ## run every test that needs Go alone
	go test $(TAGS) $(RACE) -shuffle=on ./...

# Twice, as the go command may fail at the very end of its time (golang/go#75804). Input that fails is kept in testdata/fuzz
# and fails the second time too.
fuzz: ## try made-up input on everything that reads what strangers and operators write, a minute each; FUZZTIME=10s
	@grep -ro --include='*_test.go' --exclude-dir='.?*' '^func Fuzz[A-Za-z0-9]*' . | sort | while IFS=: read -r file name; do \
		fuzz() { go test $(TAGS) -run '^Fuzz' -fuzz "^$${name#func }\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; }; \
		echo "$${name#func }"; fuzz || fuzz || exit 1; \
	done

bench: ## measure: the chain against bare gin, then each part of it
	go test $(TAGS) -run '^$$' -bench Chain -benchtime 15x ./app/internal/command
	go test $(TAGS) -run '^$$' -bench 'Router|Middleware|GetCertificate|Ensure' -benchmem ./...

lint:: ## vet for Linux, macOS and Windows, staticcheck, formatting
	@test -z "$$(gofmt -l .)" || { echo "gofmt these:"; gofmt -l .; exit 1; }
	GOOS=linux go vet $(TAGS) ./...
	GOOS=darwin go vet $(TAGS) ./...
	GOOS=windows go vet $(TAGS) ./...
	$(STATICCHECK) $(TAGS) ./...

build: ## build the one binary to deploy, and bin/doctor to look at the deployed site from a machine without Go
	CGO_ENABLED=0 go build $(TAGS) -trimpath -ldflags='-s -w' -o $(BIN) ./app
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $(DOCTOR) ./scripts/doctor

trust: ## let the browsers of this user trust the local CA; SYSTEM=1: the system's tools too
	@go run ./scripts/trust $(if $(SYSTEM),-system)

untrust: ## take that back, to the byte where possible; SYSTEM=1: from the system's tools too
	@go run ./scripts/trust -remove $(if $(SYSTEM),-system)

doctor: ## find what is wrong with HTTPS here, and the fix; SITE=https://host: of a deployed site; JSON=1: for a report
	@go run ./scripts/doctor $(if $(JSON),-json) $(if $(SITE),'$(SITE)')

phone: ## serve on the local network too, and hand the local CA to a phone, until Ctrl-C
	@go build -o bin/scripts/ ./scripts/phone
	@exec ./bin/scripts/phone

rehearse: ## play a first deployment here, with a practice authority: certificate, redirect, renewal; DOMAINS=a,b ONCE=1
	@go build -o bin/scripts/ ./scripts/rehearse
	@exec ./bin/scripts/rehearse $(if $(ONCE),-once)

clean:: ## remove what was built; certificates stay (remove certs/ yourself)
	rm -rf bin

# The template tests itself with more, which a project does not keep. It adds to test, lint and clean.
-include .ci/e2e/e2e.mk
