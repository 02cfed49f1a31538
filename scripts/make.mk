# The targets that come with the starter. Every one works on a fresh clone with Go, git and make. The Makefile at the top
# of the project includes this file. Put your own targets there, because an upgrade replaces this file.
#
# nomsgpack leaves out a codec that gin links and no code here uses. It would be half of the binary.
TAGS := -tags nomsgpack
# The race detector needs a C compiler on some systems. Without one, tests run without it.
RACE := $(shell test "$$(go env CGO_ENABLED)" = 1 && echo -race)
EXE  := $(shell go env GOEXE)
BIN  := bin/$(notdir $(shell GOWORK=off go list -m))$(EXE)
DEV  := bin/scripts/dev$(EXE)
DOCTOR := bin/doctor$(EXE)
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# ASKED succeeds if make dev need not ask about trust: there is no terminal, or an answer that is newer than the CA.
# Testing files is faster than starting a program. CA_DIRS has a directory for each system that localca.Dir knows.
CA_DIRS = "$${XDG_DATA_HOME:-$$HOME/.local/share}/turnkey" "$$HOME/Library/Application Support/turnkey" "$$LOCALAPPDATA/turnkey"
ASKED   = test -n "$$CI" || ! test -t 0 || ! test -t 1 || for d in $(CA_DIRS); do test "$$d/asked" -nt "$$d/issuer.pem" && exit; done

.DEFAULT_GOAL := help
.PHONY: help dev doctor phone rehearse test lint frontends build trust untrust upgrade clean

help: ## show this help
	@awk -F ':.*## ' '/^[A-Za-z0-9_-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# scripts/dev has the flags that make a build short. It does not change CGO_ENABLED, so that Go need not compile its own
# packages again that it compiled for other projects.
dev: $(DEV) ## serve https://localhost:8443 and follow every edit; the first run makes its certificate and asks about trust
	@$(ASKED) || ./$(DEV) run ./scripts/trust -ask || true
	@exec ./$(DEV)

# make compares dates here, because asking the go command takes as long as the rest of a start. A terminal counts the
# packages that go build -v prints: the first time, Go compiles its own packages too.
$(DEV): go.mod $(wildcard scripts/dev/*.go scripts/internal/process/*.go app/devlink/*.go)
	@echo "  compiling make dev itself; the first time on a machine takes about 20 s"
	@{ go build -v -o $@ ./scripts/dev 2>&1 || echo '# failed'; } | { n=0; while IFS= read -r line; do \
	  case "$$line" in '# failed') exit 1;; *[\ :\#]*) printf '%s\n' "$$line";; \
	  *) n=$$((n+1)); ! test -t 1 || test "$$TERM" = dumb || printf '  %s of 90 packages\r' $$n;; esac; done; }

test:: ## run every test that needs only Go
	go test $(TAGS) $(RACE) -shuffle=on ./...

lint:: ## vet for Linux, macOS and Windows, staticcheck, formatting
	@bad=$$(find . \( -name node_modules -o -path ./data \) -prune -o -name '*.go' -exec gofmt -l {} +); \
		test -z "$$bad" || { echo "gofmt these:"; echo "$$bad"; exit 1; }
	GOOS=linux go vet $(TAGS) ./...
	GOOS=darwin go vet $(TAGS) ./...
	GOOS=windows go vet $(TAGS) ./...
	$(STATICCHECK) $(TAGS) ./...

# Only a front end (web/app/package.json) needs Node.js. Its build goes into web/static.
frontends:
	@for p in web/*/package.json; do test -f "$$p" || continue; cd "$${p%/package.json}" || exit; \
		test -d node_modules || npm ci || exit; npm run build || exit; cd ../..; done

build: frontends ## build the one binary to deploy, and bin/doctor to examine the deployed site from a machine without Go
	CGO_ENABLED=0 go build $(TAGS) -trimpath -ldflags='-s -w' -o $(BIN) ./app
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $(DOCTOR) ./scripts/doctor

trust: ## let your browsers trust the local CA; SYSTEM=1: the system's tools too
	@go run ./scripts/trust $(if $(SYSTEM),-system)

untrust: ## undo make trust; SYSTEM=1: for the system's tools too
	@go run ./scripts/trust -remove $(if $(SYSTEM),-system)

# A person reads the report, so make does not fail if something is wrong. With JSON=1 make does.
doctor: ## find what is wrong with HTTPS on this machine, and the fix; SITE=https://host: at a deployed site; JSON=1: as JSON
	@go build -o bin/scripts/ ./scripts/doctor
	@./bin/scripts/doctor$(EXE) $(if $(JSON),-json) $(if $(SITE),'$(SITE)') $(if $(JSON),,|| test $$? = 1)

phone: ## serve the site to a phone, and install the local CA's certificate there, until Ctrl-C
	@go build -o bin/scripts/ ./scripts/phone
	@exec ./bin/scripts/phone

rehearse: ## try a first deployment here, with a test CA: certificate, redirect, renewal; DOMAINS=a,b ONCE=1
	@go build -o bin/scripts/ ./scripts/rehearse
	@exec ./bin/scripts/rehearse $(if $(ONCE),-once)

upgrade: ## replace the closed folders by their newest version; FROM=remote BRANCH=name YES=1
	@go run ./scripts/upgrade $(if $(YES),-yes) $(FROM) $(BRANCH)

clean:: ## remove what was built; certificates stay (remove certs/ yourself)
	rm -rf bin

# The template's own tests, which a project does not keep. They add to test, lint and clean.
-include .ci/e2e/e2e.mk
