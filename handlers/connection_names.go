package handlers

import (
	"crypto/tls"
	"fmt"
)

// Names of the IANA registry "TLS Parameters" (https://www.iana.org/assignments/tls-parameters) that crypto/tls lacks,
// or spells in another way.

func suiteName(id uint16) string {
	if name, ok := otherSuites[id]; ok {
		return name
	}
	return tls.CipherSuiteName(id)
}

// otherSuites are cipher suites that clients often offer and crypto/tls does not know.
var otherSuites = map[uint16]string{
	0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
	0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
	0x003d: "TLS_RSA_WITH_AES_256_CBC_SHA256",
	0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
	0x006b: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
	0x009e: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
	0x009f: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
	0x00ff: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
	0x5600: "TLS_FALLBACK_SCSV",
	0xc024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
	0xc028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
	0xccaa: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

func groupName(id tls.CurveID) string {
	if name, ok := groups[id]; ok {
		return name
	}
	return fmt.Sprintf("0x%04X", uint16(id))
}

// groups of the key agreement. X25519 has its capital letter, as the names of the hybrids spell it.
var groups = map[tls.CurveID]string{
	tls.CurveP256: "secp256r1", tls.CurveP384: "secp384r1", tls.CurveP521: "secp521r1",
	tls.X25519: "X25519", 30: "X448",
	tls.X25519MLKEM768: "X25519MLKEM768", tls.SecP256r1MLKEM768: "SecP256r1MLKEM768",
	tls.SecP384r1MLKEM1024: "SecP384r1MLKEM1024",
	0x0200:                 "MLKEM512", 0x0201: "MLKEM768", 0x0202: "MLKEM1024", 0x6399: "X25519Kyber768Draft00",
	0x0100: "ffdhe2048", 0x0101: "ffdhe3072", 0x0102: "ffdhe4096", 0x0103: "ffdhe6144", 0x0104: "ffdhe8192",
	31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13",
}

// postQuantum are the groups that crypto/tls supports and no known quantum computer breaks. Each joins an elliptic
// curve with ML-KEM (FIPS 203).
var postQuantum = []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024}

func schemeName(id tls.SignatureScheme) string {
	if name, ok := schemes[id]; ok {
		return name
	}
	return fmt.Sprintf("0x%04X", uint16(id))
}

// schemes are ways to sign.
var schemes = map[tls.SignatureScheme]string{
	tls.ECDSAWithP256AndSHA256: "ecdsa_secp256r1_sha256", tls.ECDSAWithP384AndSHA384: "ecdsa_secp384r1_sha384",
	tls.ECDSAWithP521AndSHA512: "ecdsa_secp521r1_sha512", tls.Ed25519: "ed25519", 0x0808: "ed448",
	tls.PSSWithSHA256: "rsa_pss_rsae_sha256", tls.PSSWithSHA384: "rsa_pss_rsae_sha384",
	tls.PSSWithSHA512: "rsa_pss_rsae_sha512",
	0x0809:            "rsa_pss_pss_sha256", 0x080a: "rsa_pss_pss_sha384", 0x080b: "rsa_pss_pss_sha512",
	tls.PKCS1WithSHA256: "rsa_pkcs1_sha256", tls.PKCS1WithSHA384: "rsa_pkcs1_sha384",
	tls.PKCS1WithSHA512: "rsa_pkcs1_sha512",
	tls.PKCS1WithSHA1:   "rsa_pkcs1_sha1", tls.ECDSAWithSHA1: "ecdsa_sha1",
	0x081a: "ecdsa_brainpoolP256r1tls13_sha256", 0x081b: "ecdsa_brainpoolP384r1tls13_sha384",
	0x081c: "ecdsa_brainpoolP512r1tls13_sha512",
	0x0904: "mldsa44", 0x0905: "mldsa65", 0x0906: "mldsa87",
}
