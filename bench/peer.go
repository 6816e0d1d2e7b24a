package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
)

// A peer is a library that workloads are measured with. Its command takes the name of the
// peer, the name of a workload and the number of operations, and prints a reading.
type peer struct {
	name    string
	version string
	command []string // program and leading arguments
	inGo    bool     // the program is this one
}

// peerNames has the names of all peers, in the order of the table.
var peerNames = []string{"ours", "goroutines", "errgroup", "conc", "pond", "ants",
	"tokio-current", "tokio-multi2", "node", "cpython", "cpython-eager", "uvloop", "trio"}

// goPeers are the peers that are written in Go.
var goPeers = []struct {
	name     string
	module   string
	programs map[string]program
}{
	{"ours", "", ours},
	{"goroutines", "", goroutines},
	{"errgroup", "golang.org/x/sync", errgroups},
	{"conc", "github.com/sourcegraph/conc", concs},
	{"pond", "github.com/alitto/pond/v2", ponds},
	{"ants", "github.com/panjf2000/ants/v2", antses},
}

// sources has the programs of the peers in other languages.
//
//go:embed peers
var sources embed.FS

// A runner runs a workload, like [peer.run].
type runner func(workload string, n, batch int) (reading, error)

// run runs a workload in a new process.
func (p *peer) run(workload string, n, batch int) (reading, error) {
	args := append(p.command[1:len(p.command):len(p.command)], p.name, workload, fmt.Sprint(n))
	if p.inGo {
		args = []string{"-peer", p.name, "-workload", workload, "-n", fmt.Sprint(n), "-batch", fmt.Sprint(batch)}
	}
	var errText bytes.Buffer
	cmd := exec.Command(p.command[0], args...)
	cmd.Stderr = &errText
	out, err := cmd.Output()
	if err != nil {
		text := strings.TrimSpace(errText.String())
		return reading{}, fmt.Errorf("%w: %s", err, text[max(0, len(text)-300):])
	}
	var r reading
	if err := json.Unmarshal(out, &r); err != nil {
		return reading{}, fmt.Errorf("%q: %w", out, err)
	}
	return r, nil
}

// child is the main function of such a process for a peer in Go.
func child(out io.Writer, peer, workload string, n, batch int, profile string) error {
	w := workloadNamed(workload)
	if w == nil {
		return fmt.Errorf("unknown workload %q; -list lists the workloads", workload)
	}
	var p program
	for _, g := range goPeers {
		if g.name == peer {
			p = g.programs[workload]
		}
	}
	var r reading
	if p != nil {
		var err error
		if r, err = w.measure(p, n, batch, profile); err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(r)
}

// measure runs p to warm up, and then again to measure the times of n operations. The
// first run has n/10 operations, or n if it measures memory.
func (w *workload) measure(p program, n, batch int, profile string) (reading, error) {
	warm := max(n/10/w.step, 1) * w.step
	if w.bytes {
		warm = n
	}
	if w.name == "spawn_million" {
		batch = n
	}
	weighed, err := run(p, warm, min(batch, warm), w.bytes)
	if err != nil {
		return reading{}, err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return reading{}, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return reading{}, err
		}
		defer pprof.StopCPUProfile()
	}
	r, err := run(p, n, min(batch, n), false)
	r.Bytes, r.Retained = weighed.Bytes, weighed.Retained
	return r, err
}

// findPeers returns the selected peers that are installed, ours first. It logs the
// others.
func findPeers(o options) ([]*peer, error) {
	wanted := strings.FieldsFunc(o.Peers, func(r rune) bool { return r == ',' })
	found := goPeersHere()
	if others := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool {
		return slices.ContainsFunc(found, func(p *peer) bool { return p.name == name })
	}); len(wanted) == 0 || len(others) > 0 {
		more, err := otherPeers(o, wanted)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(found, func(p *peer) bool { return p.name == name }) {
			return nil, fmt.Errorf("peer %q is unknown or not installed", name)
		}
	}
	if len(wanted) == 0 {
		return found, nil
	}
	return slices.DeleteFunc(found, func(p *peer) bool {
		return p.name != "ours" && !slices.Contains(wanted, p.name)
	}), nil
}

func goPeersHere() []*peer {
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	info, _ := debug.ReadBuildInfo()
	var peers []*peer
	for _, g := range goPeers {
		version := runtime.Version()
		if info != nil {
			for _, m := range info.Deps {
				if m.Path == g.module {
					version = m.Version
				}
			}
		}
		peers = append(peers, &peer{name: g.name, version: version, command: []string{self}, inGo: true})
	}
	return peers
}

// otherPeers returns the peers in other languages.
func otherPeers(o options, wanted []string) ([]*peer, error) {
	dir, err := unpack()
	if err != nil {
		return nil, err
	}
	var peers []*peer
	add := func(names []string, find func() (command []string, version string, err error)) {
		if len(wanted) > 0 && !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(wanted, n) }) {
			return
		}
		command, version, err := find()
		if err != nil {
			log.Printf("omitted: %s: %v", strings.Join(names, ", "), err)
			return
		}
		for _, name := range names {
			peers = append(peers, &peer{name: name, version: version, command: command})
		}
	}
	add([]string{"tokio-current", "tokio-multi2"}, func() ([]string, string, error) { return buildTokio(o, filepath.Join(dir, "tokio")) })
	add([]string{"node"}, func() ([]string, string, error) {
		version, err := outputOf("node", "--version")
		return []string{"node", "--expose-gc", filepath.Join(dir, "node.mjs")}, version, err
	})
	asyncioPy := filepath.Join(dir, "asyncio_peer.py")
	add([]string{"cpython"}, func() ([]string, string, error) {
		return python("import sys; version = ''", asyncioPy, o.Python)
	})
	add([]string{"cpython-eager"}, func() ([]string, string, error) {
		return python("import sys, asyncio; asyncio.eager_task_factory; version = ''", asyncioPy, o.Python)
	})
	add([]string{"uvloop"}, func() ([]string, string, error) {
		return python("import sys, uvloop; version = uvloop.__version__ + ', '", asyncioPy, o.Python, "/usr/bin/python3")
	})
	add([]string{"trio"}, func() ([]string, string, error) {
		return python("import sys, trio; version = trio.__version__ + ', '", filepath.Join(dir, "trio_peer.py"), o.Python, "/usr/bin/python3")
	})
	return peers, nil
}

// python returns a command that runs program with the first of the candidates that can
// execute the statements needed.
func python(needed, program string, candidates ...string) (command []string, version string, err error) {
	for _, c := range candidates {
		// The command in PATH may be a wrapper script, which must not be measured.
		out, err := outputOf(c, "-c", needed+"; print(sys.executable); print(version + 'CPython ' + sys.version.split()[0])")
		if executable, version, ok := strings.Cut(out, "\n"); err == nil && ok {
			return []string{executable, program}, version, nil
		}
	}
	return nil, "", fmt.Errorf("%s cannot execute: %s", strings.Join(candidates, " and "), needed)
}

// unpack writes the sources to a directory of the user's cache and returns it. Each
// version of the sources has its own directory, so that other worktrees are not affected.
func unpack() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	hash := fnv.New64()
	if err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(name)
		hash.Write(text)
		return err
	}); err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "asyncio-bench", fmt.Sprintf("%x", hash.Sum64()))
	peers := filepath.Join(dir, "peers")
	if _, err := os.Stat(peers); err == nil {
		return peers, nil
	}
	// Create the directory atomically, even if two processes do so concurrently.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(tmp, sources); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		os.RemoveAll(tmp)
		if _, err := os.Stat(peers); err != nil {
			return "", err
		}
	}
	return peers, nil
}

// debianCrates is the directory of the sources of Debian's Rust packages.
const debianCrates = "/usr/share/cargo/registry"

// buildTokio builds the program for tokio from the crates of Debian's librust-tokio-dev.
func buildTokio(o options, dir string) (command []string, version string, err error) {
	crates, _ := filepath.Glob(debianCrates + "/tokio-[0-9]*")
	if len(crates) == 0 {
		return nil, "", errors.New(debianCrates + "/tokio-* does not exist; bench/setup.sh installs it")
	}
	rust, err := outputOf("rustc", "--version")
	if err != nil {
		return nil, "", err
	}
	program := filepath.Join(dir, "target/release/tokio-peer")
	if _, err := os.Stat(program); err != nil && o.BuiltOnly {
		return nil, "", errors.New("the program is not built; go run ./bench builds it")
	}
	log.Print("building the program for tokio unless it is up to date")
	cmd := exec.Command("cargo", "build", "--release", "--offline", "--quiet",
		"--config", `source.crates-io.replace-with="debian"`,
		"--config", `source.debian.directory="`+debianCrates+`"`)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CARGO_TARGET_DIR="+filepath.Join(dir, "target"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("cargo build: %w\n%s", err, out)
	}
	return []string{program},
		strings.TrimPrefix(filepath.Base(crates[0]), "tokio-") + ", " + rust, nil
}

func outputOf(command string, args ...string) (string, error) {
	out, err := exec.Command(command, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// processor returns the model name of the processor.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, name, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(name)
		}
	}
	return "unknown processor"
}
