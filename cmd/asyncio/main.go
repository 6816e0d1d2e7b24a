// Asyncio looks into running programs that are made with package asyncio and have called introspect.Serve: which
// tasks there are, who waits for whom, and why one was cancelled.
//
//	asyncio ps [PID]           the tasks of a process; without PID the processes that can be looked into
//	asyncio pstree PID         the tree of awaits; exit status 1 if there is a cycle
//	asyncio top PID            live
//	asyncio web PID            a page in the browser
//	asyncio record PID FILE    all events of a process, and a picture a second
//	asyncio replay FILE        a recording in top; with --web on the page, with --ps or --pstree as those print it
//
// asyncio --help has the flags. The exit status is 0 if all is well, 1 if a process cannot be looked into or there
// is a cycle, 2 if the command line is wrong.
//
// CPython's asyncio ps has --retries, since it reads another process's memory while that changes. Here the loop itself takes the
// picture between two steps, and it is consistent each time: there is nothing to retry, and no such flag.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// The statuses that the program exits with, beside 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line.
type commands struct {
	Ps     psCommand     `cmd:"" help:"List the tasks of a process; without PID, the processes that can be looked into."`
	Pstree pstreeCommand `cmd:"" help:"Print the tree of awaits. The exit status is 1 if there is a cycle."`
	Top    topCommand    `cmd:"" help:"Watch the tasks of a process, live."`
	Web    webCommand    `cmd:"" help:"Watch a process in the browser."`
	Record recordCommand `cmd:"" help:"Record a process into a file, its events and a picture a second, until Ctrl-C or until it ends."`
	Replay replayCommand `cmd:"" help:"Look at a recording."`

	JSON bool `help:"Print JSON."`
}

// A terminal is where a command reads and writes.
type terminal struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	json           bool
}

// errCycle is how pstree fails where it has said why.
var errCycle = errors.New("there is a cycle")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], &terminal{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr})
	stop()
	os.Exit(status)
}

// run is the program; it returns the exit status.
func run(ctx context.Context, args []string, t *terminal) int {
	cli := &commands{}
	helped := false
	parser := kong.Must(cli, kong.Name("asyncio"), kong.Writers(t.stdout, t.stderr),
		kong.Description("Look into running programs made with package asyncio that have called introspect.Serve."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(int) { helped = true }), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t))
	command, err := parser.Parse(args)
	switch {
	case helped:
		return 0
	case err != nil:
		fmt.Fprintf(t.stderr, "asyncio: %v\nTry 'asyncio --help'.\n", err)
		return exitUsage
	}
	t.json = cli.JSON
	switch err := command.Run(); {
	case err == nil:
		return 0
	case !errors.Is(err, errCycle):
		t.complain(err)
	}
	return exitFailed
}

// complain says what went wrong, in a line.
func (t *terminal) complain(err error) {
	fmt.Fprintln(t.stderr, "asyncio:", strings.TrimPrefix(err.Error(), "asyncio: "))
}

// writeJSON writes v for a program, and for people with jq.
func (t *terminal) writeJSON(v any) error {
	e := json.NewEncoder(t.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
