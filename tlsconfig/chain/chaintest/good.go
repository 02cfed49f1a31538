package chaintest

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

// Good are pairs that visitors verify, some of them with a note.
func Good() []Row { return slices.Concat(goodChains(), goodFiles()) }

func goodChains() []Row {
	return []Row{
		{Name: "leaf and intermediate"},
		{Name: "the intermediate before the leaf", Says: "served first",
			Chain: func(a *Authority, p public) certs { return certs{a.Intermediate, a.leaf(p, nil)} }},
		{Name: "root, intermediate, leaf", Says: "is a root",
			Chain: func(a *Authority, p public) certs { return certs{a.Root, a.Intermediate, a.leaf(p, nil)} }},
		{Name: "everything twice", Says: "second copy", Chain: func(a *Authority, p public) certs {
			leaf := a.leaf(p, nil)
			return certs{leaf, leaf, a.Intermediate, a.Intermediate}
		}},
		{Name: "an expired cross-signature further up", Says: "further up, expired on",
			Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil), a.Intermediate, a.cross(expired)} }},
		{Name: "an expired twin of the intermediate", Says: "a second certificate of",
			Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil), a.above(expired), a.Intermediate} }},
		{Name: "two chains in one file", Says: "has nothing to do with the leaf", Chain: func(a *Authority, p public) certs {
			return certs{New(nil, "other.test").leaf(ec().Public(), nil), foreign(), a.leaf(p, nil), a.Intermediate}
		}},
		{Name: "an expired certificate for the same key before its renewal", Says: "served first",
			Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, expired), a.leaf(p, nil), a.Intermediate} }},
		leafLike("a leaf that names no usage and no key identifier", "", func(c template) { c.KeyUsage, c.ExtKeyUsage = 0, nil }),
		leafLike("a wildcard beside the names", "", func(c template) { c.DNSNames = append(c.DNSNames, "*.wild.test") }),
	}
}

func goodFiles() []Row {
	both := func(change func([]byte) []byte) func(cert, key []byte) ([]byte, []byte) {
		return func(cert, key []byte) ([]byte, []byte) { return change(cert), change(key) }
	}
	return []Row{
		{Name: "RSA of 2048 bits", Key: rsa2048},
		{Name: "Ed25519", Says: "Ed25519, which browsers do not accept",
			Key: func() crypto.Signer { return ed25519.NewKeyFromSeed([]byte(rand.Text() + rand.Text())[:32]) }},
		{Name: "byte order marks", Spoil: both(func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) })},
		{Name: "lines of Windows", Spoil: both(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) })},
		{Name: "text between the blocks", Spoil: both(func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte("-----BEGIN"), []byte("Bag Attributes\n    friendlyName: shop\n-----BEGIN"))
		})},
		{Name: "no line break at the end", Spoil: both(bytes.TrimSpace)},
		{Name: "key and certificates in one file",
			Spoil: func(cert, key []byte) ([]byte, []byte) { b := slices.Concat(key, cert); return b, b }},
		{Name: "parameters before the key",
			Spoil: func(cert, key []byte) ([]byte, []byte) {
				return cert, append(block("EC PARAMETERS", []byte{6, 0}), key...)
			}},
	}
}

// Alone is a leaf without any CA certificate. That is right if a root signed it directly.
func Alone() Row {
	return Row{Name: "the leaf alone", Says: "no CA certificate came with it",
		Chain: func(a *Authority, p public) certs { return certs{a.leaf(p, nil)} }}
}

// SelfSigned is a leaf that its own key signed. That is right if every client has it in its trust store.
func SelfSigned() Row {
	var key crypto.Signer
	return Row{Name: "self-signed", Says: "it is self-signed",
		Key: func() crypto.Signer { key = ec(); return key },
		Chain: func(a *Authority, p public) certs {
			leaf := a.leaf(p, nil)
			leaf.Issuer = leaf.Subject
			return certs{sign(leaf, leaf, p, key)}
		}}
}

// Ages are good pairs with the lifetimes that CAs give, now and by 2029. Those that are overdue get a note.
func Ages() []Row {
	const day = 24 * time.Hour
	rows := []Row{}
	for _, life := range []time.Duration{160 * time.Hour, 45 * day, 47 * day, 64 * day, 90 * day} {
		margin := life / 3
		if life < 10*day {
			margin = life / 2
		}
		fresh, late := Aged(life, margin*2/3), Aged(life, margin/3)
		late.Says = "overdue"
		rows = append(rows, Aged(life, life-time.Hour), fresh, late)
	}
	year := Aged(398*day, 15*day)
	year.Says = "overdue"
	return append(rows, Aged(398*day, 30*day), year)
}

// Aged is a good pair with that lifetime, of which the given time is left.
func Aged(life, left time.Duration) Row {
	return leafLike(fmt.Sprintf("a good pair with %s left of %s", left, life), "", func(c template) {
		c.NotAfter = time.Now().Add(left)
		c.NotBefore = c.NotAfter.Add(-life)
	})
}
