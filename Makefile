# Every target works on a fresh clone with Go, git and make alone; e2e says what more it needs.
# nomsgpack leaves out a codec that gin links and this project has no use for: half the binary.
TAGS := -tags nomsgpack
# The race detector needs a C compiler on some systems; without one the tests run all the same.
RACE := $(shell go env CGO_ENABLED | grep -q 1 && echo -race)
BIN  := bin/$(notdir $(shell go list -m))
GOOS_EXE := $(shell go env GOEXE)

.PHONY: help dev test e2e lint build trust untrust clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

dev: ## build and serve https://localhost:8443; the first run makes its certificate
	@go build $(TAGS) -o $(BIN)$(GOOS_EXE) ./app
	@exec ./$(BIN)$(GOOS_EXE)

build: ## build the one binary to deploy
	CGO_ENABLED=0 go build $(TAGS) -trimpath -ldflags='-s -w' -o $(BIN)$(GOOS_EXE) ./app

clean: ## remove what was built; certificates stay (remove certs/ yourself)
	rm -rf bin .ci/e2e/artifacts
