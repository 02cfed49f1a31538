package settings

import (
	"slices"
	"testing"
)

// One mistake is one fault: a setting whose value was refused is not also called missing.
func TestARefusedSettingIsNotAlsoMissing(t *testing.T) {
	t.Parallel()
	first := Faults{{Setting: "DOMAINS", Value: "https://a.test"}}
	got := first.AndThen([]Fault{{Setting: "DOMAINS"}, {Setting: "TLS_CERT_FILE"}, {Setting: "DOMAINS", Value: "*.a.test"}})
	want := Faults{first[0], {Setting: "TLS_CERT_FILE"}, {Setting: "DOMAINS", Value: "*.a.test"}}
	if !slices.Equal(got, want) || len(first) != 1 {
		t.Errorf("got %v, want %v", got, want)
	}
}
