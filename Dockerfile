# docker build -t turnkey .
# docker run -p 443:8443 -p 80:8080 -e DOMAINS=example.com -v turnkey:/data --stop-timeout 45 turnkey
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# timetzdata: the final image has no time zones of its own.
RUN CGO_ENABLED=0 go build -tags nomsgpack,timetzdata -trimpath -ldflags='-s -w' -o /out/turnkey ./app
# The doctor examines the deployed site: docker exec CONTAINER /doctor https://example.com
RUN CGO_ENABLED=0 go build -tags timetzdata -trimpath -ldflags='-s -w' -o /out/doctor ./scripts/doctor
# /data has the account at the CA, the certificates and the site's own files (0700: only the server can read it). Mount a
# volume there, or each new container begins with nothing. There is no VOLUME line, because Railway refuses one.
RUN mkdir -p /state && mkdir -m 0700 /state/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/turnkey /out/doctor /
COPY --from=build --chown=65532:65532 /state/ /
USER 65532:65532
# Ports above 1024, which every runtime allows. Publish them as 443 and 80: redirects lead to 443.
ENV ENV=prod HTTPS_ADDR=:8443 HTTP_ADDR=:8080 ACME_CACHE=/data DATA_DIR=/data/files
EXPOSE 8443 8080
# The runtime must wait for SHUTDOWN_GRACE and 15 s more before it kills. docker stop waits 10 seconds by default.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["/turnkey", "healthcheck"]
ENTRYPOINT ["/turnkey"]
