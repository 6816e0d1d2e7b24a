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

// What [Dial] and [Serve] fail with; errors.Is finds them.
var (
	ErrNoProcess    = errors.New("no such process")
	ErrNotServing   = errors.New("the process does not serve")
	ErrNoPermission = errors.New("no permission")
)

// A Process is a loop that serves, as it is found in the runtime folder.
type Process struct {
	Name string // what [Dial] takes: 4711, or 4711.2 for the second loop of that process
	PID  int
	Path string // of its socket
}

// Folder returns where the sockets of this user's processes are; it may not be there yet. See the package comment.
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
	maxPath   = 103                                    // the bytes that a socket's path may have: 107 on Linux, 103 elsewhere
	maxFolder = maxPath - len("/2147483647.9999.sock") // and that of a folder, so that each name that there may be fits in
)

// checkFolder returns why nothing in dir is to be trusted: somebody else could have put it there.
func checkFolder(dir string) error {
	info, err := os.Lstat(dir) // a link is not followed: it would lead to whatever its maker likes
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("asyncio: %s is no folder; remove it: %w", dir, ErrNoPermission)
	case !ownedByUs(info):
		return fmt.Errorf("asyncio: the folder %s belongs to somebody else; set XDG_RUNTIME_DIR to one of your own: %w", dir, ErrNoPermission)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("asyncio: others can look into the folder %s, or write to it; chmod 700 it: %w", dir, ErrNoPermission)
	}
	return nil
}

// Processes returns the loops of this user's processes that serve, in the order of their process ids. Sockets of processes that
// are gone it removes. Its errors: the folder cannot be read or trusted.
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

// processAt reads a socket's name: 4711.sock, 4711.2.sock.
func processAt(path string) (Process, bool) {
	name, ok := strings.CutSuffix(filepath.Base(path), ".sock")
	pid, err := strconv.Atoi(strings.SplitN(name, ".", 2)[0])
	return Process{Name: name, PID: pid, Path: path}, ok && err == nil && pid > 0
}

// serves tells whether somebody listens, and removes the socket of a process that is gone.
func (p Process) serves() bool {
	conn, err := net.Dial("unix", p.Path)
	if err == nil {
		_ = conn.Close()
		return true
	}
	// A process that lives may be about to listen: between making a socket and that there is a moment.
	if errors.Is(err, syscall.ECONNREFUSED) && errors.Is(alive(p.PID), ErrNoProcess) {
		_ = os.Remove(p.Path)
	}
	return false
}

// alive returns nil if there is such a process and it is ours, or else why not.
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

// served has the sockets of this process.
var served struct {
	sync.Mutex
	paths map[string]bool
}

// listen opens the next socket of this process. close closes and removes it.
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
		// What is there was left by a process that had this id before us; or by one in another
		// container, that has it too and shares the folder: then it answers.
		if conn, err := net.Dial("unix", path); err == nil {
			_ = conn.Close()
			continue
		}
		_ = os.Remove(path)
		ln, err = net.Listen("unix", path)
		if err != nil {
			return nil, "", nil, fmt.Errorf("asyncio: Serve: %w", err)
		}
		if err := os.Chmod(path, 0o600); err != nil { // until now the folder has kept others out
			_ = ln.Close()
			return nil, "", nil, err
		}
		if served.paths == nil {
			served.paths = map[string]bool{}
		}
		served.paths[path] = true
		return ln, name, func() {
			_ = ln.Close() // which removes the socket
			served.Lock()
			delete(served.paths, path)
			served.Unlock()
		}, nil
	}
}
