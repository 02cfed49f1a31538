package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"text/template"
)

// A profile with one root certificate, unsigned. See "Profile-Specific Payload Keys" in Apple's device management
// documentation.
var mobileconfig = template.Must(template.New("").Parse(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadType</key><string>Configuration</string>
	<key>PayloadVersion</key><integer>1</integer>
	<key>PayloadIdentifier</key><string>localhost.{{.Project}}.{{.ID}}</string>
	<key>PayloadUUID</key><string>{{.UUID}}</string>
	<key>PayloadDisplayName</key><string>{{.Project}}: development CA</string>
	<key>PayloadDescription</key><string>Lets this device trust {{.Project}} on a developer's machine. Remove it when you are done.</string>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadType</key><string>com.apple.security.root</string>
			<key>PayloadVersion</key><integer>1</integer>
			<key>PayloadIdentifier</key><string>localhost.{{.Project}}.{{.ID}}.root</string>
			<key>PayloadUUID</key><string>{{.RootUUID}}</string>
			<key>PayloadDisplayName</key><string>{{.Name}}</string>
			<key>PayloadCertificateFileName</key><string>root.cer</string>
			<key>PayloadContent</key>
			<data>{{.Base64}}</data>
		</dict>
	</array>
</dict>
</plist>
`))

// profile is what an iPhone or iPad installs. Its identifiers follow from the root, so that a second installation
// replaces the first.
func profile(project string, root *x509.Certificate) []byte {
	sum := sha256.Sum256(root.Raw)
	var out bytes.Buffer
	err := mobileconfig.Execute(&out, map[string]string{
		"Project": escape(project), "Name": escape(root.Subject.CommonName), "ID": fmt.Sprintf("%x", sum[:4]),
		"UUID": uuid(sum[:16]), "RootUUID": uuid(sum[16:]), "Base64": base64.StdEncoding.EncodeToString(root.Raw),
	})
	if err != nil {
		panic(err) // the template is ours
	}
	return out.Bytes()
}

// uuid returns a UUID of version 8, which leaves its bits to the application (RFC 9562 §5.8).
func uuid(b []byte) string {
	b = bytes.Clone(b)
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // writing to a bytes.Buffer does not fail
	return b.String()
}
