# The template's own targets, beside those of the Makefile.
.PHONY: e2e drill fleet fuzz bench

FUZZTIME ?= 60s

test::
	go -C .ci/e2e test $(RACE) -shuffle=on ./rig/... ./weigh ./acme/...

e2e: ## run the tests with real browsers, proxies and deployments: needs chromium, firefox-esr, nginx, apache2, redis-server, postgresql, valgrind, libnss3-tools, npm, testssl.sh, wine64, binutils-mingw-w64-x86-64; as root also systemd, buildah, strace
	go -C .ci/e2e test -count=1 $(RACE) ./storm/...
	go -C .ci/e2e test -count=1 ./rehearse/... ./fleet/...
	go -C .ci/e2e test -count=1 -timeout 40m ./peers/... ./readme/... ./rename/... ./upgrade/... ./deploy/... ./dev/... ./frontend ./shop ./vulnerabilities ./windows
	go -C .ci/e2e test -count=1 -timeout 40m ./bench
	@rm -f .ci/e2e/artifacts/site.txt
	go -C .ci/e2e test -count=1 -timeout 30m ./site/...; status=$$?; cat .ci/e2e/artifacts/site.txt; exit $$status

drill: ## five minutes of renewals under load against a real ACME server, with a table of the results
	go -C .ci/e2e test -count=1 -timeout 20m -run TestRenewalsUnderLoadFailNoHandshake ./storm -drill=5m
	@cat .ci/e2e/artifacts/drill.txt

fleet: ## three servers behind HAProxy with one Redis: cold start, kill -9, replacement under load; with a table of the results
	@rm -f .ci/e2e/artifacts/fleet.txt
	go -C .ci/e2e test -count=1 ./fleet/...; status=$$?; cat .ci/e2e/artifacts/fleet.txt; exit $$status

# A failed target runs once more, because the go command may fail when its time ends (golang/go#75804). Input that fails is
# kept in testdata/fuzz and fails again. An input that reaches new code is made smaller in 20 tries: by default both workers
# do that for a minute, and nothing else is tried.
fuzz: ## fuzz every parser of clients' and operators' input, a minute each; FUZZTIME=10s
	@grep -ro --include='*_test.go' --exclude-dir='.?*' '^func Fuzz[A-Za-z0-9]*' . | sort | while IFS=: read -r file name; do \
		fuzz() { go test $(TAGS) -run '^Fuzz' -fuzz "^$${name#func }\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$(dirname "$$file")"; }; \
		echo "$${name#func }"; fuzz || fuzz || exit 1; \
	done

bench: ## measure requests, handshakes, idle connections and starts beside gin, nginx and Caddy, then each part of the chain; on Linux, needs valgrind, and takes nginx if it is there
	go -C .ci/e2e test -count=1 -timeout 40m -run TestAllRatios ./bench -all
	@cat .ci/e2e/artifacts/bench.txt
	go test $(TAGS) -run '^$$' -bench 'Router|Middleware|GetCertificate|Ensure' -benchmem ./...

lint::
	cd .ci/e2e && go vet ./... && $(STATICCHECK) ./...

clean::
	rm -rf .ci/e2e/artifacts .ci/e2e/site/node_modules
