package middleware

import "testing"

func TestOnlyPrivateNamesAreThisMachines(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8443": true, "LOCALHOST.:1": true, "shop.localhost": true, "127.0.0.1:80": true,
		"[::1]:8443": true, "[::ffff:127.0.0.1]": true,
		"laptop": true, "laptop.local": true, "shop.test": true, "host.docker.internal:8443": true,
		"nas.home.arpa": true,
		"abc.ngrok.app": false, "shop.example.com": false, "192.168.1.20": false, "[2001:db8::7]": false, "": false,
		"localhost.evil.com": false, "evillocal.com": false,
	} {
		if got := isOwnName(host); got != want {
			t.Errorf("%q is taken for this machine's own: %v, want %v", host, got, want)
		}
	}
}
