package cert

import "strings"

// Advice returns what to do about the problem. It is empty where the problem explains itself.
func (p Problem) Advice(host string) string {
	kind := strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:")
	switch {
	case kind == "dns":
		return "create an A or AAAA record for " + host +
			" that points to this server, and wait until it is seen everywhere"
	case kind == "connection" && p.Challenge == "tls-alpn-01", kind == "tls":
		return "let port 443 of " + host +
			" reach this server from the internet: firewall, port mapping, and DNS that points here and not to a CDN"
	case kind == "connection" && p.Challenge == "http-01":
		return "let port 80 of " + host +
			" reach this server from the internet: firewall, port mapping, and DNS that points here"
	case kind == "connection":
		return "let ports 80 and 443 of " + host + " reach this server from the internet"
	case kind == "unauthorized" && p.Challenge != "", kind == "incorrectResponse":
		return "something else answers for " + host + ": its DNS points to another server or to a CDN, " +
			"or a proxy in front keeps /.well-known/acme-challenge/ to itself"
	case kind == "caa":
		return "the CAA records of " + host + " name another authority; add one for this authority"
	case kind == "rateLimited":
		return "nothing but time helps; try a setup on ACME_DIRECTORY=staging first, " +
			"and keep ACME_CACHE across deployments"
	case kind == "externalAccountRequired":
		return "set ACME_EAB_KID and ACME_EAB_HMAC_KEY to what this authority gave you"
	case kind == "accountDoesNotExist":
		return "the account was removed there; a new one is made at the next try"
	case kind == "rejectedIdentifier":
		return "this authority does not issue for " + host + "; it must be a public name"
	case kind == "userActionRequired" && p.Instance != "":
		return "the authority waits for the account's owner: open " + p.Instance + " and do what it asks"
	case kind == "userActionRequired" && p.Link != "":
		return "the authority has new terms: read them at " + p.Link + " and agree to them as it says there"
	case kind == "userActionRequired":
		return "the authority has new terms, or paused this name; its message says what to do"
	case kind == "invalidProfile":
		return "set ACME_PROFILE to one that the authority's directory lists, or leave it out"
	case kind == "malformed" && strings.Contains(p.Detail, "external"), kind == "unauthorized":
		return "the authority does not accept this account: check ACME_EAB_KID and ACME_EAB_HMAC_KEY " +
			"if it gave you any, or remove account.key from ACME_CACHE to begin a new one"
	case !p.HasType() && p.Status != 0:
		return "the ACME server is down, or a proxy answers in its place: open its URL on this machine, " +
			"e.g. with curl -v. ACME_DIRECTORY is the server; " +
			"HTTPS_PROXY and NO_PROXY say through which proxy it is reached"
	case kind == "serverInternal":
		return "the authority has a fault of its own; its status page may say more"
	}
	return ""
}

// IsSetup reports whether the problem is about the host or this machine, so that another CA would find it too.
func (p Problem) IsSetup() bool {
	switch strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:") {
	case "dns", "caa", "rejectedIdentifier":
		return true
	}
	return p.Challenge != ""
}
