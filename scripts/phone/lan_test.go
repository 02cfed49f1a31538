package main

import (
	"net"
	"slices"
	"strings"
	"testing"

	"example.com/turnkey/tlsconfig/localca"
)

func TestRank(t *testing.T) {
	for _, test := range []struct{ name, have, want string }{
		{"Wi-Fi before containers", "docker0=172.17.0.1 wlan0=192.168.1.20", "192.168.1.20 172.17.0.1"},
		{"IPv4 before IPv6", "en0=fd12::1 en0=10.0.0.5", "10.0.0.5 fd12::1"},
		{"IPv6 of the network before a virtual machine's IPv4", "vmnet8=172.16.0.1 en0=fd12::1", "fd12::1 172.16.0.1"},
		{"no public, link-local or shared one", "eth0=192.0.2.2 eth0=2001:db8::1 eth0=fe80::1 eth0=169.254.1.1", ""},
		{"the system's order among equals", "eth0=192.168.1.2 wlan0=192.168.1.3", "192.168.1.2 192.168.1.3"},
	} {
		var have []address
		for pair := range strings.FieldsSeq(test.have) {
			device, ip, _ := strings.Cut(pair, "=")
			have = append(have, address{device, net.ParseIP(ip)})
		}
		if got := rank(have); !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}

func TestChosenAddress(t *testing.T) {
	ca, err := localca.New()
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := ownAddress("10.1.2.3", ca); got != "10.1.2.3" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	for _, host := range []string{"8.8.8.8", "laptop.local"} {
		if _, _, err := ownAddress(host, ca); err == nil || !strings.Contains(err.Error(), "leave -host out") {
			t.Errorf("%s: %v", host, err)
		}
	}
}
