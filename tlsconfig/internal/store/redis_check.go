package store

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"example.com/turnkey/tlsconfig/setting"
)

// Check tests a Redis server: it writes a key, reads it back, and removes it. took is the time for writing and reading.
// The fault is a refusal by the server that would prevent an order. For a server that cannot be reached, it is nil and
// took is 0, because the server may start later than the site. The same holds for a directory.
func (c Config) Check() (took time.Duration, fault *setting.Fault) {
	if !IsRedis(c.Where) {
		return 0, nil
	}
	r := c.redis()
	defer r.close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	took, err := r.roundTrip(ctx)
	if err == nil {
		return took, nil
	}
	problem, fix := redisAdvice(err)
	if problem == "" && r.overTLS() {
		problem, fix = redisAdvice(r.handshake())
	}
	if problem == "" {
		problem, fix = r.otherTransport()
	}
	if problem == "" {
		return 0, nil
	}
	return 0, c.fault(problem, fix)
}

var errReadBack = errors.New("the value that was read is not the one that was written")

// roundTrip sends what an order needs: it locks, writes a certificate, asks for changes, reads the certificate, and
// removes everything. took is the time for writing and reading.
func (r redis) roundTrip(ctx context.Context) (took time.Duration, _ error) {
	name, data := "check/"+rand.Text(), bytes.Repeat([]byte(rand.Text()), 16<<10/26)
	lock, err := r.lock(ctx, name)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	got, err := r.writeAndRead(ctx, name, data, lock.fence())
	took = time.Since(began)
	if err == nil && !bytes.Equal(got, data) {
		err = errReadBack
	}
	key := redisPrefix + name
	_, delErr := r.do(ctx, "DEL", key+".pem", key+".fence", key+".stored", redisPrefix+"check/changes")
	return took, cmp.Or(err, lock.extend(ctx), lock.release(ctx), delErr)
}

func (r redis) writeAndRead(ctx context.Context, name string, data []byte, fence int64) ([]byte, error) {
	if err := r.put(ctx, name, ".pem", data, fence); err != nil {
		return nil, err
	}
	if _, _, err := r.changes(ctx, "check", 0); err != nil {
		return nil, err
	}
	return r.get(ctx, name+".pem")
}

// redisRefusals explain the errors of a server that refuses a key. The first word of an error is its kind:
// https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
var redisRefusals = map[string]struct{ words, fix string }{
	"WRONGPASS": {"refuses the password", "look at user and password in the URL; " + encodePassword},
	"NOAUTH":    {"asks for a password", "put user:password@ before the host; " + encodePassword},
	"NOPERM": {"does not let this user read and write", "allow it: ACL SETUSER name ~" + redisPrefix +
		"* +select +get +set +del +rename +eval +pexpire +zadd +zrange +zrangebyscore"},
	"READONLY": {"only reads", "this is a replica: name the primary"},
	"OOM":      {"has no memory left", "raise maxmemory, or give the site a server of its own"},
	"MISCONF": {"does not write",
		"it cannot save to its disk, and takes nothing until it can: look at the server's log"},
	"NOREPLICAS":  {"does not write", "it has fewer replicas than min-replicas-to-write asks for: bring them back"},
	"MOVED":       {"is one of a cluster", "name a server that is in no cluster: a cluster keeps keys on several"},
	"CLUSTERDOWN": {"is one of a cluster", "name a server that is in no cluster: a cluster keeps keys on several"},
	"LOADING":     {"is still reading its data", "try again in a moment"},
}

// redisAdvice explains an error that the server sent. The problem is empty for any other error.
func redisAdvice(err error) (problem, fix string) {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case errors.Is(err, errReadBack), IsMissing(err):
		return "the server does not give back what was written",
			"use a server that keeps its data, not a cache that drops keys"
	case unverified, unknown:
		return "the server's certificate is not trusted: " + err.Error(),
			"name the file with its CA in ACME_CACHE_CA_FILE, or let the server have a certificate for the name in the URL"
	case refusedByPeer(err):
		return "the server ends the TLS handshake: " + err.Error(),
			"let it take clients without a certificate (tls-auth-clients no), or look at its log"
	}
	answer, ok := errors.AsType[redigo.Error](err)
	if !ok {
		return "", ""
	}
	kind, rest, _ := strings.Cut(string(answer), " ")
	switch {
	case kind == "ERR" && strings.Contains(rest, "AUTH"):
		return "the server refuses the password: it has none set",
			"remove the password from the URL, or set requirepass at the server"
	case kind == "ERR" && strings.Contains(rest, "DB index"):
		return "the server has no database of this number",
			"write /0 at the end of the URL, or another number that it has"
	}
	// Only the kind is shown, because the rest of an answer may repeat the password.
	known := redisRefusals[kind]
	words := cmp.Or(known.words, "does not take a key")
	return fmt.Sprintf("the server %s (%s), so no order could be placed", words, kind),
		cmp.Or(known.fix, "ask the server with redis-cli: SET "+redisPrefix+"check 1")
}

// notes says whether the server drops any key when its memory is full, as a cache does. It is empty if this user may
// not ask.
func (r redis) notes() []string {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	info, err := redigo.String(r.do(ctx, "INFO", "memory"))
	if err != nil || !strings.Contains(info, "maxmemory_policy:allkeys") {
		return nil
	}
	return []string{"the server of ACME_CACHE drops any key when its memory is full (maxmemory-policy allkeys-…)\n" +
		"      → CONFIG SET maxmemory-policy noeviction, or volatile-lru; certificates that are dropped are put back by " +
		"servers that run, and lost with the last of them"}
}

// refusedByPeer reports whether the server ended the handshake with a TLS alert.
func refusedByPeer(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// handshake makes a TLS handshake, and returns an alert that the server sends after it. With TLS 1.3 a server that
// wants a client certificate refuses only then. The alert is lost if the client has already sent a command.
func (r redis) handshake() error {
	u, err := r.address()
	if err != nil {
		return err
	}
	config, err := r.tlsConfig()
	if err != nil {
		return err
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Second}, "tcp", hostPort(u), config)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(time.Second))
	_, err = conn.Read(make([]byte, 1)) // a server that accepts the client waits for a command
	return err
}

func hostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379")) }

// otherTransport tries the port with TLS if the URL is without TLS, and the other way round. It does not send the
// password. It sets short timeouts, because Redis without TLS does not answer a TLS hello at all.
func (r redis) otherTransport() (problem, fix string) {
	u, err := r.address()
	if err != nil {
		return "", ""
	}
	conn, err := net.DialTimeout("tcp", hostPort(u), time.Second)
	if err != nil {
		return "", ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	if !r.overTLS() {
		// Any certificate will do: the question is only whether this port speaks TLS.
		err := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true}).Handshake()
		if err == nil || refusedByPeer(err) {
			return "this port speaks TLS", "write " + u.Scheme + "s:// in place of " + u.Scheme + "://"
		}
		return "", ""
	}
	fmt.Fprint(conn, "PING\r\n")
	line, _ := bufio.NewReader(conn).ReadString('\n')
	if strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-") {
		return "this port speaks no TLS", "write " + strings.TrimSuffix(u.Scheme, "s") + ":// in place of " + u.Scheme +
			"://, and keep the network to it private; or let the server listen with TLS (tls-port)"
	}
	return "", ""
}
