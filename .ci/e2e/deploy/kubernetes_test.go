//go:build linux

package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	pod "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"example.com/turnkey/e2e/rig"
)

// manifest is what kubectl apply would send.
type manifest struct {
	Deployment  apps.Deployment
	Service     core.Service
	Certificate certmanager.Certificate
}

// readManifest decodes into Kubernetes' and cert-manager's own types. An unknown field, or a name in another case, is a
// fault, as it is for the API server.
func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	kinds := map[string]any{"apps/v1 Deployment": &m.Deployment, "v1 Service": &m.Service, "cert-manager.io/v1 Certificate": &m.Certificate}
	for document := range bytes.SplitSeq(rig.Read(t, filepath.Join(root, "scripts", "deploy", "kubernetes.yaml")), []byte("\n---\n")) {
		var meta runtime.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			t.Fatal(err)
		}
		kind := meta.APIVersion + " " + meta.Kind
		into, ok := kinds[kind]
		if !ok {
			t.Fatalf("%s is not expected, or there twice", kind)
		}
		delete(kinds, kind)
		object, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			t.Fatal(err)
		}
		unknown, err := json.UnmarshalStrict(object, into)
		if err != nil || len(unknown) > 0 {
			t.Errorf("%s: %v %v", kind, err, unknown)
		}
	}
	if len(kinds) > 0 {
		t.Fatalf("no %v", slices.Collect(maps.Keys(kinds)))
	}
	return m
}

func TestKubernetesManifestIsValid(t *testing.T) {
	t.Parallel()
	m := readManifest(t)
	template := m.Deployment.Spec.Template
	for from, labels := range map[string]map[string]string{"the Deployment": m.Deployment.Spec.Selector.MatchLabels, "the Service": m.Service.Spec.Selector} {
		if len(labels) == 0 {
			t.Errorf("%s selects everything", from)
		}
		for name, value := range labels {
			if template.Labels[name] != value {
				t.Errorf("%s selects %s=%s, and the pods are %v", from, name, value, template.Labels)
			}
		}
	}

	// The pods meet the strictest of Kubernetes' own security profiles.
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range evaluator.EvaluatePod(pod.LevelVersion{Level: pod.LevelRestricted, Version: pod.LatestVersion()}, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			t.Errorf("the restricted profile refuses the pods: %s, %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	if len(template.Spec.Containers) != 1 {
		t.Fatalf("%d containers, want one", len(template.Spec.Containers))
	}
	c := template.Spec.Containers[0]
	if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
		t.Error("the root file system can be written to")
	}
	if grace := template.Spec.TerminationGracePeriodSeconds; grace == nil || *grace <= 35 {
		t.Errorf("terminationGracePeriodSeconds is %v, want more than SHUTDOWN_GRACE's 20 and 15 for what follows", grace)
	}

	ports := map[string]string{}
	for _, p := range c.Ports {
		ports[p.Name] = fmt.Sprintf(":%d", p.ContainerPort)
	}
	env := environment(c)
	if env["HTTPS_ADDR"] != ports["https"] || env["HTTP_ADDR"] != ports["http"] {
		t.Errorf("the ports are %v, and the server listens on %s and %s", ports, env["HTTPS_ADDR"], env["HTTP_ADDR"])
	}
	public := map[int32]string{}
	for _, p := range m.Service.Spec.Ports {
		public[p.Port] = p.TargetPort.String()
	}
	if want := map[int32]string{443: "https", 80: "http"}; !maps.Equal(public, want) {
		t.Errorf("the Service leads %v, want %v", public, want)
	}
	for probe, path := range map[*core.Probe]string{c.ReadinessProbe: "/readyz", c.LivenessProbe: "/healthz"} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != "http" {
			t.Errorf("%s is not probed on the plain port: %v", path, probe)
		}
	}

	if len(template.Spec.Volumes) != 2 || len(c.VolumeMounts) != 2 || template.Spec.Volumes[0].Name != c.VolumeMounts[0].Name ||
		template.Spec.Volumes[0].Secret == nil || template.Spec.Volumes[0].Secret.SecretName != m.Certificate.Spec.SecretName {
		t.Errorf("what is mounted first is not the Certificate's secret %q", m.Certificate.Spec.SecretName)
	} else if data := c.VolumeMounts[1]; template.Spec.Volumes[1].Name != data.Name || template.Spec.Volumes[1].EmptyDir == nil ||
		!strings.HasPrefix(env["DATA_DIR"], data.MountPath+"/") {
		t.Errorf("DATA_DIR=%s is not in a volume: the root file system cannot be written", env["DATA_DIR"])
	}
	for name, key := range map[string]string{"TLS_CERT_FILE": core.TLSCertKey, "TLS_KEY_FILE": core.TLSPrivateKeyKey} {
		if want := c.VolumeMounts[0].MountPath + "/" + key; env[name] != want {
			t.Errorf("%s=%s, want %s", name, env[name], want)
		}
	}
	if got := strings.Join(m.Certificate.Spec.DNSNames, ","); got != env["DOMAINS"] {
		t.Errorf("the certificate is for %s, and the site for %s", got, env["DOMAINS"])
	}
}

// The product runs with the container's settings as a kubelet would start it: as the pod's user, with the secret behind
// its ..data link, in the manifest's mode and group. Probes send the pod's address as host. A renewed secret is served.
func TestPodServesARenewedSecret(t *testing.T) {
	t.Parallel()
	needRoot(t)
	m := readManifest(t)
	spec := m.Deployment.Spec.Template.Spec
	c, mode := spec.Containers[0], os.FileMode(*spec.Volumes[0].Secret.DefaultMode)
	env := environment(c)
	domain := env["DOMAINS"]

	ca, mount, version := rig.NewCA(t, "Issuer"), reachable(t), 0
	publish := func() rig.Pair { // as kubelet's atomic writer does
		t.Helper()
		version++
		data := filepath.Join(mount, fmt.Sprintf("..%d", version))
		pair := ca.Issue(t, rig.Leaf{Names: []string{domain}})
		for key, content := range map[string][]byte{core.TLSCertKey: pair.Chain, core.TLSPrivateKeyKey: pair.Key} {
			file := filepath.Join(data, key)
			rig.Write(t, file, content, mode)
			if err := os.Chown(file, 0, int(*spec.SecurityContext.FSGroup)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(filepath.Base(data), filepath.Join(mount, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")); err != nil {
			t.Fatal(err)
		}
		return pair
	}
	first := publish()
	for _, key := range []string{core.TLSCertKey, core.TLSPrivateKeyKey} {
		if err := os.Symlink("..data/"+key, filepath.Join(mount, key)); err != nil {
			t.Fatal(err)
		}
	}
	files := reachable(t) // an emptyDir: for everybody, with the pod's group
	if err := errors.Join(os.Chown(files, 0, int(*spec.SecurityContext.FSGroup)), os.Chmod(files, 0o777|os.ModeSetgid)); err != nil {
		t.Fatal(err)
	}
	for name, value := range env {
		value = strings.Replace(value, c.VolumeMounts[0].MountPath+"/", mount+"/", 1)
		env[name] = strings.Replace(value, c.VolumeMounts[1].MountPath+"/", files+"/", 1)
	}
	https, plain := rig.Port(t), rig.Port(t)
	env["HTTPS_ADDR"], env["HTTP_ADDR"], env["SHUTDOWN_GRACE"] = rig.Loopback(https), rig.Loopback(plain), "1s"
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	site := rig.Spawn(t, rig.Command{Path: rig.Binary(t), Dir: "/", Env: list,
		As: &rig.User{UID: uint32(*spec.SecurityContext.RunAsUser), GID: uint32(*spec.SecurityContext.RunAsGroup)}})
	site.WaitForPort(t, rig.Loopback(plain))

	visitor := rig.Visitor(ca.Pool())
	probe := func(p *core.Probe) (status int) {
		got, err := rig.Try(visitor, rig.Request{URL: "http://" + rig.Loopback(plain) + p.HTTPGet.Path, Host: "10.1.2.3:8080"})
		if err != nil {
			return 0
		}
		return got.StatusCode
	}
	if ready, live := probe(c.ReadinessProbe), probe(c.LivenessProbe); ready != http.StatusOK || live != http.StatusOK {
		t.Errorf("the probes get %d and %d, want 200", ready, live)
	}
	// A visitor who came through the Service's port 80 sends no port.
	if got := rig.Ask(t, visitor, rig.Request{URL: "http://" + rig.Loopback(plain) + "/a", Host: domain}); got.Header.Get("Location") != "https://"+domain+"/a" {
		t.Errorf("plain http got %s to %q, want https without a port", got.Status, got.Header.Get("Location"))
	}
	serial := func() string {
		got := rig.Get(t, visitor, fmt.Sprintf("https://%s:%d/", domain, https))
		return got.TLS.PeerCertificates[0].SerialNumber.String()
	}
	if got, want := serial(), first.Leaf.SerialNumber.String(); got != want {
		t.Errorf("serves certificate %s, want the secret's %s", got, want)
	}
	renewed := publish().Leaf.SerialNumber.String()
	rig.Eventually(t, 30*time.Second, "the renewed secret", func() bool { return serial() == renewed })

	site.Signal(t, syscall.SIGTERM)
	rig.Eventually(t, 5*time.Second, "readiness to fall", func() bool { return probe(c.ReadinessProbe) != http.StatusOK })
	if got := site.ExitCode(t, 10*time.Second); got != 0 {
		t.Errorf("exit status = %d, want 0", got)
	}
}

func environment(c core.Container) map[string]string {
	env := map[string]string{}
	for _, v := range c.Env {
		env[v.Name] = v.Value
	}
	return env
}
