package tlsconfig

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
	"strings"
	"time"

	redigo "github.com/gomodule/redigo/redis"
)

// CheckStore asks the server in ACME_CACHE whether an order could be placed: it writes a key, reads it back and removes
// it. A start does not ask, since the store may come up later than the site; for the same reason a server that cannot be
// reached is a note (see Notes) and no fault. What it answers to our key is one.
func CheckStore(o Options) []Fault {
	if o.Mode != ACME || !isRedis(o.CacheDir) {
		return nil
	}
	r := redis{o.CacheDir}
	if _, err := r.address(); err != nil {
		return nil // Check reports it
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	err := r.roundTrip(ctx)
	if err == nil {
		return nil
	}
	problem, fix := redisAdvice(err)
	if problem == "" {
		problem, fix = r.otherTransport()
	}
	if problem == "" {
		return nil
	}
	return []Fault{{Setting: "ACME_CACHE", Value: Redacted(o.CacheDir), Problem: problem, Fix: fix}}
}

var errReadBack = errors.New("what was written is not what is read")

// roundTrip does to a key what is done to a certificate. The key has a life of a minute, so that it also goes where we
// have no right to remove it.
func (r redis) roundTrip(ctx context.Context) error {
	name, data := "check-"+rand.Text(), bytes.Repeat([]byte(rand.Text()), 16<<10/26)
	if _, err := r.do(ctx, "SET", redisPrefix+name, data, "EX", 60); err != nil {
		return err
	}
	got, err := r.get(ctx, name)
	if _, delErr := r.do(ctx, "DEL", redisPrefix+name); err == nil && delErr != nil && !strings.Contains(delErr.Error(), "NOPERM") {
		err = delErr
	}
	if err == nil && !bytes.Equal(got, data) {
		err = errReadBack
	}
	return err
}

// redisRefusals are what a server says that takes no key. The first word of its answer is the kind:
// https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
var redisRefusals = map[string]struct{ words, fix string }{
	"WRONGPASS":   {"refuses the password", "look at user and password in the URL; " + encodePassword},
	"NOAUTH":      {"asks for a password", "put user:password@ before the host; " + encodePassword},
	"NOPERM":      {"does not let this user write", "allow it: ACL SETUSER name ~" + redisPrefix + "* +get +set +del +rename +select"},
	"READONLY":    {"only reads", "this is a replica: name the primary"},
	"OOM":         {"has no memory left", "raise maxmemory, or give the site a server of its own"},
	"MISCONF":     {"does not write", "it cannot save to its disk, and takes nothing until it can: look at the server's log"},
	"NOREPLICAS":  {"does not write", "it has fewer replicas than min-replicas-to-write asks for: bring them back"},
	"MOVED":       {"is one of a cluster", "name a server that is in no cluster: a cluster keeps keys on several"},
	"CLUSTERDOWN": {"is one of a cluster", "name a server that is in no cluster: a cluster keeps keys on several"},
	"LOADING":     {"is still reading its data", "try again in a moment"},
}

// redisAdvice explains what the server answered; an empty problem where it did not answer.
func redisAdvice(err error) (problem, fix string) {
	switch {
	case errors.Is(err, errReadBack), isMissing(err):
		return "the server does not give back what was written", "use a server that keeps what it is given, and no cache that drops keys"
	case isUntrusted(err):
		return "the server's certificate is not trusted: " + err.Error(),
			"name the file with its CA in SSL_CERT_FILE, or let the server have a certificate for the name in the URL"
	case refusedByPeer(err):
		return "the server ends the TLS handshake: " + err.Error(), "let it take clients without a certificate (tls-auth-clients no), or look at its log"
	}
	answer, ok := errors.AsType[redigo.Error](err)
	if !ok {
		return "", ""
	}
	kind, rest, _ := strings.Cut(string(answer), " ")
	switch {
	case kind == "ERR" && strings.Contains(rest, "AUTH"):
		return "the server refuses the password: it has none set", "take the password out of the URL, or set requirepass at the server"
	case kind == "ERR" && strings.Contains(rest, "DB index"):
		return "the server has no database of this number", "write /0 at the end of the URL, or another number that it has"
	}
	// Its kind alone is shown: the rest of an answer may repeat what the server was sent.
	known := redisRefusals[kind]
	return fmt.Sprintf("the server %s (%s), so no order could be placed", cmp.Or(known.words, "does not take a key"), kind),
		cmp.Or(known.fix, "ask the server with redis-cli: SET "+redisPrefix+"check 1")
}

// isUntrusted reports a handshake that failed by the server's certificate.
func isUntrusted(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return ok || unknown
}

// refusedByPeer reports a TLS alert that the server sent.
func refusedByPeer(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// otherTransport tries the port the other way: with TLS where the URL has none, and without it where the URL has it. The
// password is not sent. It has a time of its own, because a plain Redis does not answer a TLS hello at all.
func (r redis) otherTransport() (problem, fix string) {
	u, err := r.address()
	if err != nil {
		return "", ""
	}
	addr := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "6379"))
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	plain := strings.TrimSuffix(u.Scheme, "s")
	if !r.overTLS() {
		// Whose certificate it is does not matter for the question whether this port speaks TLS.
		hello := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true})
		err := hello.Handshake()
		if err == nil || refusedByPeer(err) {
			return "this port speaks TLS", "write " + u.Scheme + "s:// in place of " + u.Scheme + "://"
		}
		return "", ""
	}
	fmt.Fprint(conn, "PING\r\n")
	if line, _ := bufio.NewReader(conn).ReadString('\n'); strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-") {
		return "this port speaks no TLS", "write " + plain + ":// in place of " + u.Scheme +
			"://, and keep the network to it private; or let the server listen with TLS (tls-port)"
	}
	return "", ""
}
