# What the template tests of itself, beside what its Makefile tests.
.PHONY: e2e drill

test::
	go -C .ci/e2e test $(RACE) -shuffle=on ./rig/... ./acme/...

e2e: ## run the tests with real browsers, proxies and deployments: needs chromium, firefox-esr, nginx, apache2, redis-server, libnss3-tools, npm, testssl.sh; as root also systemd, buildah, strace
	go -C .ci/e2e test -count=1 $(RACE) ./storm/...
	go -C .ci/e2e test -count=1 ./rehearse/...
	go -C .ci/e2e test -count=1 -timeout 20m ./peers/... ./readme/... ./rename/... ./deploy/... ./dev/... ./vulnerabilities
	@rm -f .ci/e2e/artifacts/site.txt
	go -C .ci/e2e test -count=1 ./site/...; status=$$?; cat .ci/e2e/artifacts/site.txt; exit $$status

drill: ## five minutes of renewals under load against a real ACME server, and what came of it as a table
	go -C .ci/e2e test -count=1 -timeout 20m -run TestAYearInAMinute ./storm -drill=5m
	@cat .ci/e2e/artifacts/drill.txt

lint::
	cd .ci/e2e && go vet ./... && $(STATICCHECK) ./...

clean::
	rm -rf .ci/e2e/artifacts .ci/e2e/site/node_modules
