package introspect

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// The errors of [Dial] and [Serve] wrap these.
var (
	ErrNoProcess    = errors.New("no such process")
	ErrNotServing   = errors.New("the process does not serve")
	ErrNoPermission = errors.New("no permission")
)

// A Process is a served loop of a process.
type Process struct {
	Name string // the argument for [Dial]: 4711, or 4711.2 for the second loop of the process
	PID  int
	Path string // the path of its socket
}

// Folder returns the folder of the sockets of this user's processes. It need not exist.
// See the package comment.
func Folder() string {
	var candidates []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		candidates = append(candidates, filepath.Join(dir, "asyncio"))
	}
	own := fmt.Sprintf("asyncio-%d", os.Getuid())
	candidates = append(candidates, filepath.Join(os.TempDir(), own), filepath.Join("/tmp", own))
	for _, dir := range candidates {
		if len(dir) <= maxFolder {
			return dir
		}
	}
	return candidates[0]
}

const (
	maxPath   = 103                                    // the limit for a socket's path in bytes: 107 on Linux, 103 elsewhere
	maxFolder = maxPath - len("/2147483647.9999.sock") // the limit for a folder, so that every name fits
)

// checkFolder returns an error if another user could have put sockets into dir.
func checkFolder(dir string) error {
	info, err := os.Lstat(dir) // does not follow a link, which could lead anywhere
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("asyncio: %s is not a folder; remove it: %w", dir, ErrNoPermission)
	case !ownedByUs(info):
		return fmt.Errorf("asyncio: the folder %s belongs to another user; set XDG_RUNTIME_DIR to a folder of your own: %w", dir, ErrNoPermission)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("asyncio: other users can read or write the folder %s; run chmod 700 on it: %w", dir, ErrNoPermission)
	}
	return nil
}

// Processes returns the served loops of this user's processes, in order of their process
// IDs. It removes the sockets of processes that have ended. It returns an error if the
// folder cannot be read or trusted.
func Processes() ([]Process, error) {
	dir := Folder()
	if err := checkFolder(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, entry := range entries {
		p, ok := processAt(filepath.Join(dir, entry.Name()))
		if ok && p.serves() {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Process) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return all, nil
}

// processAt parses the name of a socket: 4711.sock, 4711.2.sock.
func processAt(path string) (Process, bool) {
	name, ok := strings.CutSuffix(filepath.Base(path), ".sock")
	pid, err := strconv.Atoi(strings.SplitN(name, ".", 2)[0])
	return Process{Name: name, PID: pid, Path: path}, ok && err == nil && pid > 0
}

// serves reports whether p accepts connections. It removes the socket of a process that
// has ended.
func (p Process) serves() bool {
	conn, err := net.Dial("unix", p.Path)
	if err == nil {
		_ = conn.Close()
		return true
	}
	// A living process may have created its socket and not called listen yet.
	if errors.Is(err, syscall.ECONNREFUSED) && errors.Is(alive(p.PID), ErrNoProcess) {
		_ = os.Remove(p.Path)
	}
	return false
}

// alive returns nil if the process exists and belongs to this user.
func alive(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return ErrNoProcess
	}
	defer func() { _ = p.Release() }()
	switch err := p.Signal(syscall.Signal(0)); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return ErrNoPermission
	}
	return ErrNoProcess
}

// served contains the paths of the sockets of this process.
var served struct {
	sync.Mutex
	paths map[string]bool
}

// listen opens the next socket of this process. closeIt closes and removes it.
func listen() (ln net.Listener, name string, closeIt func(), err error) {
	dir := Folder()
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, "", nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, "", nil, err
	}
	if err := checkFolder(dir); err != nil {
		return nil, "", nil, err
	}

	served.Lock()
	defer served.Unlock()
	for n := 1; ; n++ {
		name = strconv.Itoa(os.Getpid())
		if n > 1 {
			name += "." + strconv.Itoa(n)
		}
		path := filepath.Join(dir, name+".sock")
		if served.paths[path] {
			continue
		}
		// An existing socket was left by an earlier process with this ID, or it belongs
		// to a process with this ID in another container that shares the folder. Only the
		// latter accepts connections.
		if conn, err := net.Dial("unix", path); err == nil {
			_ = conn.Close()
			continue
		}
		_ = os.Remove(path)
		ln, err = net.Listen("unix", path)
		if err != nil {
			return nil, "", nil, fmt.Errorf("asyncio: open the socket for introspection: %w", err)
		}
		if err := os.Chmod(path, 0o600); err != nil { // until now the folder has protected it
			_ = ln.Close()
			return nil, "", nil, err
		}
		if served.paths == nil {
			served.paths = map[string]bool{}
		}
		served.paths[path] = true
		return ln, name, func() {
			_ = ln.Close() // removes the socket
			served.Lock()
			delete(served.paths, path)
			served.Unlock()
		}, nil
	}
}
