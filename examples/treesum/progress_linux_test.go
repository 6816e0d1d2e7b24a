package main

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// On a terminal there is a progress bar with the lines of the list above it. It is
// removed at the end.
func TestBarOnATerminal(t *testing.T) {
	screen, terminal := openTerminal(t)
	dir, lines := longTree(t)
	cmd := command(t, dir, ".")
	cmd.Stdout, cmd.Stderr = terminal, terminal
	started(t, cmd)
	terminal.Close() // only the program has it open, so that reading ends with the program

	var shown []byte
	read := func() bool {
		block := make([]byte, 1<<16)
		n, err := screen.Read(block)
		shown = append(shown, block[:n]...)
		return err == nil
	}
	bar := regexp.MustCompile(`\[[=>-]*\] \d+/193 files, \S+ [GM]iB of 1\.0 TiB, \S+ [GM]iB/s, \S+ left`)
	line := regexp.MustCompile(`(\n|\r|\x1b\[J)` + regexp.QuoteMeta(lines[0][:len(lines[0])-1]) + `\r\n`)
	for !bar.Match(shown) || !line.Match(shown) {
		if !read() {
			t.Fatalf("got no bar or no line of the list:\n%q", shown)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for read() {
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 130 {
		t.Errorf("got exit status %d, want 130", status)
	}
	_, after, found := bytes.Cut(shown, []byte("\x1b[Jtreesum: interrupted"))
	if !found || bar.Match(after) || !bytes.Contains(after, []byte("files done\r\n")) {
		t.Errorf("the bar is not removed at the end:\n%q", shown[max(0, len(shown)-1000):])
	}
}

// openTerminal creates a pseudoterminal. It returns the side of the user and the side of
// the program.
func openTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("SKIPPED: cannot create a terminal:", err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 132}))
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(n)), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return screen, terminal
}
