package truststore

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"example.com/turnkey/tlsconfig/localca"
)

// Answer is what the user answered when asked whether browsers should trust the CA.
type Answer string

const (
	NotAsked Answer = ""
	Yes      Answer = "yes"
	No       Answer = "no"
	Later    Answer = "later" // the user was not asked: no store could be changed
)

// answerFile is in the CA's directory, since all projects share the CA. make.mk looks at it too: while the file is
// newer than the CA there is nothing to ask, and no program has to be started.
const answerFile = "asked"

// Asked returns the answer for this root. A no holds for later roots too. A yes does not, since it was for one root.
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

// SaveAnswer saves the answer. root may be nil with No.
func SaveAnswer(caDir string, answer Answer, root *Root) error {
	line := string(answer)
	if root != nil {
		line += " " + root.SHA256()
	}
	return localca.WriteFile(filepath.Join(caDir, answerFile), []byte(line+"\n"), 0o600)
}

// SHA256 returns the root's fingerprint in lower case and without colons.
func (r *Root) SHA256() string {
	sum := sha256.Sum256(r.Cert.Raw)
	return hex.EncodeToString(sum[:])
}
