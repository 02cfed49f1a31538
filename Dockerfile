# docker build -t turnkey .
# docker run -p 443:8443 -p 80:8080 -e DOMAINS=example.com -v turnkey:/data --stop-timeout 45 turnkey
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# timetzdata: the final image has no time zones of its own.
RUN CGO_ENABLED=0 go build -tags nomsgpack,timetzdata -trimpath -ldflags='-s -w' -o /out/turnkey ./app
# Looks at the deployed site: docker exec CONTAINER /doctor https://example.com
RUN CGO_ENABLED=0 go build -tags timetzdata -trimpath -ldflags='-s -w' -o /out/doctor ./scripts/doctor
# The account, the certificates, and in files, which the program makes (0700), what the site keeps: for the server alone,
# and in a volume kept across containers.
RUN mkdir -p /state && mkdir -m 0700 /state/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/turnkey /out/doctor /
COPY --from=build --chown=65532:65532 /state/ /
USER 65532:65532
# Ports that need no rights in any runtime; visitors come to 443 and 80 outside, and are redirected there.
ENV ENV=prod HTTPS_ADDR=:8443 HTTP_ADDR=:8080 ACME_CACHE=/data DATA_DIR=/data/files
EXPOSE 8443 8080
VOLUME /data
# The runtime has to wait for SHUTDOWN_GRACE and 15 s more before it kills: docker stop waits 10 s unless told otherwise.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["/turnkey", "healthcheck"]
ENTRYPOINT ["/turnkey"]
