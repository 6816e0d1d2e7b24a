// Asyncio inspects running programs that use package asyncio and have called
// introspect.Serve: which tasks exist, which task waits for which, and why a task was
// cancelled.
//
//	asyncio ps                 list the processes that can be inspected
//	asyncio ps PID             list the tasks of a process
//	asyncio pstree PID         print the tree of awaits; status 1 if there is a cycle
//	asyncio top PID            show the tasks live
//	asyncio web PID            show a page in the browser
//	asyncio record PID FILE    record all events, and a snapshot per second
//	asyncio replay FILE        show a recording in top, or with --web, --ps or --pstree
//
// asyncio --help lists the flags. The exit status is 0 on success, 1 if a process cannot
// be inspected or there is a cycle, and 2 if the command line is wrong.
//
// CPython's asyncio ps has a flag --retries, because it reads the memory of a process
// that keeps running. Here the loop itself takes the snapshot between two steps. Each
// snapshot is consistent, so this command has no such flag.
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

// The exit statuses other than 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line.
type commands struct {
	Ps     psCommand     `cmd:"" help:"List the tasks of a process; without PID, the processes that can be inspected."`
	Pstree pstreeCommand `cmd:"" help:"Print the tree of awaits. The exit status is 1 if there is a cycle."`
	Top    topCommand    `cmd:"" help:"Show the tasks of a process, live."`
	Web    webCommand    `cmd:"" help:"Show a process in the browser."`
	Record recordCommand `cmd:"" help:"Record the events of a process and a snapshot per second to a file, until Ctrl-C or until the process ends."`
	Replay replayCommand `cmd:"" help:"Show a recording."`

	JSON bool `help:"Print JSON."`
}

// A terminal is the input and the output of a command.
type terminal struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	json           bool // the flag --json
}

// errCycle is returned by pstree after it has reported the cycles.
var errCycle = errors.New("there is a cycle")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], &terminal{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr})
	stop()
	os.Exit(status)
}

// run runs the program and returns the exit status.
func run(ctx context.Context, args []string, t *terminal) int {
	cli := &commands{}
	helpShown := false
	parser := kong.Must(cli, kong.Name("asyncio"), kong.Writers(t.stdout, t.stderr),
		kong.Description("Inspect running programs that use package asyncio and have called introspect.Serve."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(int) { helpShown = true }), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t))
	command, err := parser.Parse(args)
	switch {
	case helpShown:
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
		t.printError(err)
	}
	return exitFailed
}

// printError writes err as one line to standard error.
func (t *terminal) printError(err error) {
	fmt.Fprintln(t.stderr, "asyncio:", strings.TrimPrefix(err.Error(), "asyncio: "))
}

// writeJSON writes v as indented JSON.
func (t *terminal) writeJSON(v any) error {
	e := json.NewEncoder(t.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
