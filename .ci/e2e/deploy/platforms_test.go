//go:build linux

package deploy

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	compose "github.com/compose-spec/compose-go/v2/types"
	"github.com/pelletier/go-toml/v2"
	"sigs.k8s.io/yaml"

	"example.com/turnkey/e2e/rig"
)

// stopTakes is how long a stop can take: SHUTDOWN_GRACE's 20 s, 5 s for the site and 10 s for a store of certificates.
const stopTakes = 35 * time.Second

// The files' keys are those that the platforms document. A file that has another one does not decode.
type flyFile struct {
	App         string            `toml:"app"`
	KillSignal  string            `toml:"kill_signal"`
	KillTimeout int               `toml:"kill_timeout"`
	Env         map[string]string `toml:"env"`
	HTTPService struct {
		InternalPort       int    `toml:"internal_port"`
		AutoStopMachines   string `toml:"auto_stop_machines"`
		MinMachinesRunning int    `toml:"min_machines_running"`
		Checks             []struct {
			Method      string `toml:"method"`
			Path        string `toml:"path"`
			GracePeriod string `toml:"grace_period"`
			Interval    string `toml:"interval"`
			Timeout     string `toml:"timeout"`
		} `toml:"checks"`
	} `toml:"http_service"`
	Mounts struct {
		Source      string `toml:"source"`
		Destination string `toml:"destination"`
		InitialSize string `toml:"initial_size"`
	} `toml:"mounts"`
}

type renderService struct {
	Type            string `json:"type"`
	Name            string `json:"name"`
	Runtime         string `json:"runtime"`
	Plan            string `json:"plan"`
	HealthCheckPath string `json:"healthCheckPath"`
	EnvVars         []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"envVars"`
	Disk struct {
		Name      string `json:"name"`
		MountPath string `json:"mountPath"`
		SizeGB    int    `json:"sizeGB"`
	} `json:"disk"`
}

type railwayFile struct {
	Build struct {
		Builder string `toml:"builder"`
	} `toml:"build"`
	Deploy struct {
		HealthcheckPath string `toml:"healthcheckPath"`
		DrainingSeconds int    `toml:"drainingSeconds"`
	} `toml:"deploy"`
}

func readTOML[T any](t *testing.T, name string) (file T) {
	t.Helper()
	decoder := toml.NewDecoder(bytes.NewReader(deployFile(t, name))).DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return file
}

func readRender(t *testing.T) renderService {
	t.Helper()
	var file struct {
		Services []renderService `json:"services"`
	}
	if err := yaml.UnmarshalStrict(deployFile(t, "render.yaml"), &file); err != nil || len(file.Services) != 1 {
		t.Fatalf("render.yaml has %d services: %v", len(file.Services), err)
	}
	return file.Services[0]
}

func deployFile(t *testing.T, name string) []byte {
	t.Helper()
	return rig.Read(t, filepath.Join(root, "scripts", "deploy", name))
}

// Each file has the image's port, the health path, a volume around the site's files, and more time than a stop takes.
func TestThePlatformsFilesAreWhole(t *testing.T) {
	t.Parallel()
	image := imageEnv(t)
	fly, render, railway := readTOML[flyFile](t, "fly.toml"), readRender(t), readTOML[railwayFile](t, "railway.toml")

	if port := fmt.Sprintf(":%d", fly.HTTPService.InternalPort); port != image["HTTP_ADDR"] {
		t.Errorf("Fly connects to %s, and the image listens on %s", port, image["HTTP_ADDR"])
	}
	if fly.KillSignal != "SIGTERM" || time.Duration(fly.KillTimeout)*time.Second <= stopTakes || fly.KillTimeout > 300 {
		t.Errorf("Fly kills after %d s and %s, want more than %s and SIGTERM, and at most Fly's 300", fly.KillTimeout, fly.KillSignal, stopTakes)
	}
	if railway.Build.Builder != "DOCKERFILE" || time.Duration(railway.Deploy.DrainingSeconds)*time.Second <= stopTakes {
		t.Errorf("Railway builds by %s and kills after %d s", railway.Build.Builder, railway.Deploy.DrainingSeconds)
	}
	if render.Type != "web" || render.Runtime != "docker" || render.Plan == "free" || render.Disk.SizeGB < 1 {
		t.Errorf("a disk of Render belongs to a paid service, and this is %+v", render)
	}
	if len(fly.HTTPService.Checks) != 1 {
		t.Fatalf("Fly makes %d checks, want one", len(fly.HTTPService.Checks))
	}
	for name, path := range map[string]string{"Fly": fly.HTTPService.Checks[0].Path, "Render": render.HealthCheckPath, "Railway": railway.Deploy.HealthcheckPath} {
		if path != "/readyz" {
			t.Errorf("%s asks for %s, want /readyz", name, path)
		}
	}
	for name, mount := range map[string]string{"Fly": fly.Mounts.Destination, "Render": render.Disk.MountPath} {
		if !strings.HasPrefix(image["DATA_DIR"], mount+"/") {
			t.Errorf("%s keeps %s, and the site's files are in %s", name, mount, image["DATA_DIR"])
		}
	}
}

// gcloud reads variables as YAML. The README's line makes it of the settings.
func TestTheSettingsOfCloudRunAreMadeYAML(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`(?m)^\$ (sed .* cloudrun\.env > cloudrun\.yaml)\b`).FindStringSubmatch(section(t, "Cloud Run"))
	if m == nil {
		t.Fatal("the README has no line that makes cloudrun.yaml")
	}
	dir, lines, want := t.TempDir(), "", map[string]string(sectionSettings(t, "Cloud Run"))
	for name, value := range want {
		lines += name + "=" + value + "\n"
	}
	rig.Write(t, filepath.Join(dir, "cloudrun.env"), []byte(lines), 0o644)
	run(t, dir, "sh", "-c", m[1])
	got := map[string]string{}
	if err := yaml.UnmarshalStrict(rig.Read(t, filepath.Join(dir, "cloudrun.yaml")), &got); err != nil || !maps.Equal(got, want) {
		t.Errorf("the variables are %v, want %v; %v", got, want, err)
	}
}

// composed reads a file of scripts/deploy.
func composed(t *testing.T, name string, env compose.Mapping) *compose.Project {
	t.Helper()
	details := compose.ConfigDetails{WorkingDir: root, Environment: env,
		ConfigFiles: []compose.ConfigFile{{Filename: name, Content: deployFile(t, name)}}}
	project, err := loader.LoadWithContext(t.Context(), details, func(o *loader.Options) { o.SetProjectName("site", true) })
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// compose.yaml is read by the library that docker compose has, which checks it against the schema.
func TestTheComposeFileIsWhole(t *testing.T) {
	t.Parallel()
	project := composed(t, "compose.yaml", compose.Mapping{})
	site, err := project.GetService("site")
	if err != nil {
		t.Fatal(err)
	}
	image, ports := imageEnv(t), map[string]string{}
	for _, p := range site.Ports {
		ports[p.Published] = fmt.Sprintf(":%d", p.Target)
	}
	if want := map[string]string{"443": image["HTTPS_ADDR"], "80": image["HTTP_ADDR"]}; !maps.Equal(ports, want) {
		t.Errorf("the ports lead %v, want %v", ports, want)
	}
	if site.StopGracePeriod == nil || time.Duration(*site.StopGracePeriod) <= stopTakes {
		t.Errorf("stop_grace_period is %v, want more than %s", site.StopGracePeriod, stopTakes)
	}
	if len(site.Volumes) != 1 || site.Volumes[0].Type != "volume" || project.Volumes[site.Volumes[0].Source].Name == "" ||
		site.Volumes[0].Target != image["ACME_CACHE"] || !strings.HasPrefix(image["DATA_DIR"], site.Volumes[0].Target+"/") {
		t.Errorf("the volumes %+v do not keep %s and %s by a name", site.Volumes, image["ACME_CACHE"], image["DATA_DIR"])
	}
	env := rig.Env{}
	for name, value := range site.Environment {
		env[name] = *value
	}
	got := rig.Run(t, t.TempDir(), rig.Env(image).With(env).With(rig.Env{"ACME_CACHE": "kept", "HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "127.0.0.1:0"}), "check")
	if got.ExitCode != 0 {
		t.Errorf("check says of the environment in compose.yaml:\n%s%s", got.Stdout, got.Stderr)
	}
}

// The file for several servers is read by the same library. The load balancer, which package fleet runs, knows the
// servers by their names here.
func TestTheComposeFileOfAFleetIsWhole(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	project := composed(t, "compose.fleet.yaml", compose.Mapping{"STORE_PASSWORD": "hush", "ACME_CACHE_KEY": key})
	balancer, store := project.Services["balancer"], project.Services["store"]
	if len(project.Services) != 5 || len(balancer.Volumes) != 1 || balancer.Volumes[0].Source != filepath.Join(root, "haproxy.cfg") {
		t.Fatalf("got %v, and %+v for the balancer's configuration", project.ServiceNames(), balancer.Volumes)
	}
	if !slices.Equal(store.Command[1:3], []string{"--requirepass", "hush"}) || len(store.Volumes) != 1 || store.Volumes[0].Target != "/data" {
		t.Errorf("the store runs %q and keeps its data in %+v", store.Command, store.Volumes)
	}
	image, env := imageEnv(t), rig.Env{}
	proxy := string(deployFile(t, "haproxy.cfg"))
	for i := range 3 {
		name := fmt.Sprintf("site%d", i+1)
		site := project.Services[name]
		if len(site.Volumes) != 0 || site.StopGracePeriod == nil || time.Duration(*site.StopGracePeriod) <= stopTakes {
			t.Errorf("%s keeps %+v, want nothing; it may take %v to stop, want more than %s", name, site.Volumes, site.StopGracePeriod, stopTakes)
		}
		for name, value := range site.Environment {
			env[name] = *value
		}
		for port, n := range map[string]int{image["HTTPS_ADDR"]: 1, image["HTTP_ADDR"]: 1} {
			if line := " server " + name + " " + name + port + "\n"; strings.Count(proxy, line) != n {
				t.Errorf("haproxy.cfg has not one line %q", line)
			}
		}
	}
	if env["ACME_CACHE"] != "valkey://:hush@store:6379" {
		t.Errorf("the servers' environment is %v", env)
	}
	// A visitor whose address Docker does not pass on has that of the network's gateway, the first of the subnet.
	network := project.Networks["default"].Ipam.Config[0]
	trusted, err := netip.ParseAddr(env["TRUSTED_PROXIES"])
	subnet := netip.MustParsePrefix(network.Subnet)
	if own := balancer.Networks["default"]; err != nil || own == nil || own.Ipv4Address != trusted.String() || !subnet.Contains(trusted) ||
		netip.MustParsePrefix(network.IPRange).Contains(trusted) || trusted == subnet.Addr().Next() {
		t.Errorf("the servers trust %q, want the balancer's own address alone: it has %+v in %+v", env["TRUSTED_PROXIES"], own, network)
	}
	for _, line := range []string{"bind " + ":443", "bind " + ":80"} {
		if !strings.Contains(proxy, line) {
			t.Errorf("haproxy.cfg has no %q", line)
		}
	}
	got := rig.Run(t, t.TempDir(), rig.Env(image).With(env).With(rig.Env{"HTTPS_ADDR": "127.0.0.1:0", "HTTP_ADDR": "127.0.0.1:0"}), "check")
	if got.ExitCode != 0 {
		t.Errorf("check says of the environment in compose.fleet.yaml:\n%s%s", got.Stdout, got.Stderr)
	}
}

// The image's build has a test of its own that it is given no database.
func TestGitIgnoresTheSitesFiles(t *testing.T) {
	t.Parallel()
	names := []string{"data/uploads/picture.png", "shop.db", "app/shop.db-wal", "handlers/shop.sqlite3", "heroku.env"}
	args := append([]string{"check-ignore", "--no-index"}, names...)
	if got := strings.Fields(run(t, root, "git", args...)); !slices.Equal(got, names) {
		t.Errorf("git ignores %q, want %q", got, names)
	}
}

// platform is a platform as its proxy asks. The addresses and headers are those of the sources.
type platform struct {
	name     string
	settings rig.Env
	peer     string
	headers  []string // for a visitor from 203.0.113.9 who sent X-Forwarded-For: 6.6.6.6, where it is passed on
}

func platforms(t *testing.T) []platform {
	image := rig.Env(imageEnv(t))
	render := rig.Env{}
	for _, v := range readRender(t).EnvVars {
		render[v.Key] = v.Value
	}
	return []platform{
		// fly.io/docs/networking/request-headers, github.com/arcjet/arcjet-js/issues/5412, github.com/forge-42/fly-sidecar-poc
		{"Fly", image.With(readTOML[flyFile](t, "fly.toml").Env), "172.16.4.2",
			[]string{"X-Forwarded-For: 6.6.6.6, 203.0.113.9, 2a09:8280:1::af:1aa1:0", "Fly-Client-IP: 203.0.113.9"}},
		// github.com/arcjet/arcjet-js/issues/5411, rohitpaulk.com/articles/render-rails-remote-ip
		{"Render", image.With(render), "10.21.157.68", []string{"X-Forwarded-For: 6.6.6.6,203.0.113.9, 172.71.95.118, 10.19.64.237"}},
		// docs.railway.com/networking/public-networking/specs-and-limits, github.com/Crossbill-App/crossbill-web/pull/450
		{"Railway", image.With(sectionSettings(t, "Railway")), "100.64.0.3",
			[]string{"X-Forwarded-For: 203.0.113.9, 152.233.33.7", "X-Real-IP: 203.0.113.9"}},
		// cloud.google.com/run/docs/container-contract, github.com/GoogleCloudPlatform/esp-v2/pull/318
		{"Cloud Run", image.With(sectionSettings(t, "Cloud Run")).With(rig.Env{"PORT": "8080"}), "169.254.169.126", []string{"X-Forwarded-For: 6.6.6.6,203.0.113.9"}},
		// devcenter.heroku.com/articles/http-routing, rohitpaulk.com/articles/render-rails-remote-ip
		{"Heroku", sectionSettings(t, "Heroku").With(rig.Env{"PORT": "43117"}), "10.1.45.23", []string{"X-Forwarded-For: 6.6.6.6,203.0.113.9"}},
	}
}

// The program is started with each platform's settings, in a network of its own in which the platform's proxy has the
// address that it has there. The proxy is believed. Another peer that sends the same is not.
func TestEachPlatformsProxyIsBelieved(t *testing.T) {
	t.Parallel()
	needRoot(t)
	rig.Need(t, "unshare", "nsenter", "ip", "curl")
	for _, p := range platforms(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			port := p.settings["PORT"]
			if port == "" {
				port = strings.TrimPrefix(p.settings["HTTP_ADDR"], ":")
			}
			host, _, _ := strings.Cut(p.settings["DOMAINS"], ",")
			const stranger = "198.18.0.66"
			n := newNetwork(t, p.settings, port, p.peer, stranger)
			said := append([]string{"X-Forwarded-Proto: https", "Host: " + host}, p.headers...)

			rig.Eventually(t, 20*time.Second, "the health check", func() bool {
				return n.ask(t, p.peer, "/readyz", "Host: 10.1.2.3:8080").StatusCode == http.StatusOK
			})
			if warned := n.logged("level", "WARN"); len(warned) > 0 {
				t.Errorf("the start warns of the README's settings: %v", warned)
			}
			if got := n.ask(t, p.peer, "/", said...); got.StatusCode != http.StatusOK || got.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("the proxy got %s with HSTS %q, want 200 and HSTS", got.Status, got.Header.Get("Strict-Transport-Security"))
			}
			if got := n.ask(t, p.peer, "/a?b", "X-Forwarded-Proto: http", "Host: "+host); got.StatusCode != http.StatusPermanentRedirect ||
				got.Header.Get("Location") != "https://"+host+"/a?b" {
				t.Errorf("a visitor over http got %s to %q", got.Status, got.Header.Get("Location"))
			}
			if got := n.ask(t, stranger, "/", said...); got.StatusCode != http.StatusOK || got.Header.Get("Strict-Transport-Security") != "" {
				t.Errorf("a stranger who claims to have come over https got %s with HSTS %q", got.Status, got.Header.Get("Strict-Transport-Security"))
			}
			rig.Eventually(t, 10*time.Second, "two lines of the first page", func() bool { return len(n.logged("path", "/")) == 2 })
			var clients []any
			for _, line := range n.logged("path", "/") {
				clients = append(clients, line["client"])
			}
			if want := []any{"203.0.113.9", stranger}; !slices.Equal(clients, want) {
				t.Errorf("the visitors are %v, want %v", clients, want)
			}
			if hints := fmt.Sprint(n.logged("level", "WARN")); !strings.Contains(hints, "TRUSTED_PROXIES="+stranger) {
				t.Errorf("no hint names the address that is not trusted: %s", hints)
			}
		})
	}
}

// network is the program in a network that has nothing but it and some addresses.
type network struct {
	*rig.Process
	url string
}

func newNetwork(t *testing.T, env rig.Env, port string, peers ...string) network {
	t.Helper()
	const server = "198.18.0.1"
	script := "ip link set lo up"
	for _, addr := range append(peers, server) {
		script += " && ip addr add " + addr + "/32 dev lo"
	}
	list := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return network{rig.Spawn(t, rig.Command{Path: find(t, "unshare"), Dir: t.TempDir(), Env: list,
		Args: []string{"--net", "sh", "-c", script + ` && exec "$0"`, rig.Binary(t)}}), "http://" + server + ":" + port}
}

// ask asks from an address. Until the program listens, the answer is empty.
func (n network) ask(t *testing.T, from, path string, headers ...string) *http.Response {
	t.Helper()
	args := []string{fmt.Sprintf("--net=/proc/%d/ns/net", n.PID()), "curl", "-sS", "--http1.1", "--max-time", "10", "--interface", from,
		"-o", "/dev/null", "-D", "-", n.url + path}
	for _, header := range headers {
		args = append(args, "-H", header)
	}
	got := rig.Spawn(t, rig.Command{Path: find(t, "nsenter"), Args: args, Env: []string{"PATH=" + os.Getenv("PATH")}}).Finish(t, 20*time.Second)
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got.Stdout)), nil)
	if err != nil {
		return &http.Response{Header: http.Header{}}
	}
	return response
}

// logged returns the lines in which a key has a value.
func (n network) logged(key string, value any) (lines []map[string]any) {
	for text := range strings.Lines(n.Stdout()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line[key] == value {
			lines = append(lines, line)
		}
	}
	return lines
}

// Helpers

// imageEnv is the environment that the Dockerfile gives the program.
func imageEnv(t *testing.T) map[string]string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ENV (.+)$`).FindSubmatch(rig.Read(t, filepath.Join(root, "Dockerfile")))
	if m == nil {
		t.Fatal("the Dockerfile sets no environment")
	}
	env := map[string]string{}
	for pair := range strings.FieldsSeq(string(m[1])) {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return env
}

// section is the text below a heading of the README, up to the next one.
func section(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)\n##+ ` + regexp.QuoteMeta(name) + `\n(.*?)\n##`).FindStringSubmatch(string(deployFile(t, "README.md")) + "\n##")
	if m == nil {
		t.Fatalf("the README has no section %q", name)
	}
	return m[1]
}

// sectionSettings is the block of settings in a section.
func sectionSettings(t *testing.T, name string) rig.Env {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```ini\n(.*?)```").FindAllStringSubmatch(section(t, name), -1)
	if len(blocks) != 1 {
		t.Fatalf("%s has %d blocks of settings, want one", name, len(blocks))
	}
	env := rig.Env{}
	for line := range strings.Lines(blocks[0][1]) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[key] = value
	}
	return env
}

// The ranges that the program names when TRUSTED_PROXIES is missing, and those in the README of app/settings, are those
// that the sections have.
func TestTheRangesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	table := string(rig.Read(t, filepath.Join(root, "app", "settings", "README.md")))
	got := rig.Run(t, t.TempDir(), rig.Env{"ENV": "prod", "TLS_MODE": "proxy", "PORT": "0"}, "check")
	for _, p := range platforms(t) {
		trusted, header := p.settings["TRUSTED_PROXIES"], p.settings["CLIENT_IP_HEADER"]
		row, fault := "| `"+trusted+"` | ", p.name+" "+trusted
		if header != "" {
			row, fault = row+"`"+header+"` ", fault+" with CLIENT_IP_HEADER="+header
		}
		if !regexp.MustCompile(`(?m)^\| `+p.name+`[^|]* `+regexp.QuoteMeta(row)+`\|$`).MatchString(table) || !strings.Contains(got.Stderr, fault) {
			t.Errorf("%s: no row %s, or the fault does not say %q:\n%s", p.name, row, fault, got.Stderr)
		}
	}
}
