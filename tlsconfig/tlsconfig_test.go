package tlsconfig

import "testing"

// The CA for rehearsals is another one, which must not get the key of the owner's account.
func TestTheExternalAccountIsForItsOwnCAAlone(t *testing.T) {
	t.Parallel()
	o := Options{Directory: "https://ca.test/directory", Rehearsal: "https://staging.test/directory", EABKeyID: "kid",
		EABKey: []byte("key")}
	for directory, bound := range map[string]bool{o.Directory: true, o.Rehearsal: false} {
		got := o.authority(directory, nil)
		if got.Directory != directory || (got.EABKeyID == "kid") != bound || (string(got.EABKey) == "key") != bound {
			t.Errorf("%s gets %q and %q", directory, got.EABKeyID, got.EABKey)
		}
	}
}
