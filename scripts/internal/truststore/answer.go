package truststore

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"example.com/turnkey/tlsconfig/localca"
)

// Answer is what a person said when asked whether browsers should trust the CA.
type Answer string

const (
	NotAsked Answer = ""
	Yes      Answer = "yes"
	No       Answer = "no"
	Later    Answer = "later" // nobody was asked: there was no store that could be changed
)

// answerFile is in the CA's directory, as all projects share the CA. The Makefile looks at it too: while it is newer
// than the CA there is nothing to ask, and no program need be started to know that.
const answerFile = "asked"

// Asked is the answer for this root. A no holds for later roots too; a yes does not, for it was to one root.
func Asked(caDir string, root *Root) Answer {
	data, err := os.ReadFile(filepath.Join(caDir, answerFile))
	if err != nil {
		return NotAsked
	}
	answer, fingerprint, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	if Answer(answer) == No || root != nil && fingerprint == root.SHA256() {
		return Answer(answer)
	}
	return NotAsked
}

// SaveAnswer keeps the answer; root may be nil with No.
func SaveAnswer(caDir string, answer Answer, root *Root) error {
	line := string(answer)
	if root != nil {
		line += " " + root.SHA256()
	}
	return localca.WriteFile(filepath.Join(caDir, answerFile), []byte(line+"\n"), 0o600)
}

// SHA256 is the root's fingerprint as devices show it, but in lower case and without colons.
func (r *Root) SHA256() string {
	sum := sha256.Sum256(r.Cert.Raw)
	return hex.EncodeToString(sum[:])
}
