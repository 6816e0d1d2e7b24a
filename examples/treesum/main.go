// Treesum prints the checksums of all files in directory trees, in the format of
// sha256sum, and checks such lists.
//
//	treesum DIR... > SUMS
//	treesum -c SUMS
//
// treesum --help describes the options.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"example.com/asyncio"
	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

const usage = `Usage: treesum [flags] DIR...
  or:  treesum -c [flags] [LIST]...

Prints a line for each regular file in the trees, in the format of sha256sum: its checksum and
its path. The lines are sorted by path. Symbolic links are omitted, but a DIR may be one. With -c,
checks the files of each LIST, by default of standard input.

`

const exits = `
The exit status is:
  0    success
  1    a file could not be read, changed while being read, or does not match its list
  2    a DIR or LIST does not exist, or a flag is invalid
  124  the timeout expired
  130  Ctrl-C was pressed

After a timeout or Ctrl-C, the completed lines are printed. A second Ctrl-C exits immediately.
`

// The exit statuses of the program, except 0.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitTimeout     = 124 // that of timeout(1)
	exitInterrupted = 130 // that of a shell for a process ended by SIGINT
)

// patience limits the wait, after an interrupt or a timeout, for a thread that is
// blocked, for example by a disk that does not respond.
const patience = 2 * time.Second

// options holds the flags and arguments of the command line.
type options struct {
	args      []string
	check     bool
	quiet     bool
	algorithm algorithm
	jobs      int
	timeout   time.Duration // 0 means no timeout
	look      bool          // allow the command asyncio to inspect the tasks
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the program and returns the exit status.
func run(args []string, stdout, stderr *os.File) int {
	opts, err := parseFlags(args, stdout)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "treesum: %v\nTry 'treesum --help'.\n", err)
		return exitUsage
	}
	w, err := opts.work()
	if err != nil {
		fmt.Fprintln(stderr, "treesum:", err)
		return exitUsage
	}
	output := outputFile(stdout)
	newSummer := func(m *meter) *summer { return opts.newSummer(m, output) }
	p := newPipeline(w, opts.jobs, newSummer, stdout, stderr)
	if term.IsTerminal(int(stderr.Fd())) {
		opts.addBar(p, stdout, stderr)
	}
	return opts.run(p, stderr)
}

// addBar makes p show its progress on the terminal stderr. Other output to the terminal
// is written above the bar.
func (o *options) addBar(p *pipeline, stdout, stderr *os.File) {
	if w, err := o.work(); err == nil && !(o.check && slices.ContainsFunc(o.args, readsOnce)) {
		p.uncounted = w
	}
	p.meter.endless = p.uncounted == nil
	p.bar = newBar(stderr, &p.meter)
	p.stderr = p.bar
	if term.IsTerminal(int(stdout.Fd())) {
		p.stdout = p.bar
	}
}

// readsOnce reports whether a list can be read only once, such as a pipe.
func readsOnce(list string) bool {
	info, err := os.Stat(list)
	return list == "-" || err != nil || !info.Mode().IsRegular()
}

func parseFlags(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	flags := pflag.NewFlagSet("treesum", pflag.ContinueOnError)
	flags.SortFlags = false
	name := flags.StringP("algorithm", "a", algorithms[0].name, "hash algorithm: "+algorithmNames())
	flags.BoolVarP(&o.check, "check", "c", false, "read checksums from lists and check them")
	flags.IntVarP(&o.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "number of files to hash concurrently")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "with -c, print nothing for files that match")
	flags.DurationVarP(&o.timeout, "timeout", "t", 0, "stop after this time, such as 90s or 1h30m (default: no timeout)")
	flags.BoolVar(&o.look, "introspect", false, "allow asyncio ps, pstree, top and web to inspect the tasks; prints the process ID")
	flags.Usage = func() { fmt.Fprint(stdout, usage, flags.FlagUsages(), exits) }
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.args = flags.Args()
	var known bool
	o.algorithm, known = findAlgorithm(*name)
	switch {
	case !known:
		return nil, fmt.Errorf("--algorithm %s: unknown; use one of %s", *name, algorithmNames())
	case o.jobs < 1:
		return nil, fmt.Errorf("--jobs %d: must be at least 1", o.jobs)
	case o.timeout < 0:
		return nil, fmt.Errorf("--timeout %v: must not be negative", o.timeout)
	case o.quiet && !o.check:
		return nil, errors.New("--quiet requires --check")
	case len(o.args) == 0 && !o.check:
		return nil, errors.New("no DIR given")
	case len(o.args) == 0:
		o.args = []string{"-"}
	}
	return o, nil
}

// work returns the work that the options ask for.
func (o *options) work() (work, error) {
	if o.check {
		return newChecking(o.args, o.algorithm, o.quiet)
	}
	return newListing(o.args)
}

func (o *options) newSummer(m *meter, output fs.FileInfo) *summer {
	return &summer{
		open:   openFile,
		output: output,
		meter:  m,
		hash:   o.algorithm.hash(),
		block:  make([]byte, blockSize),
	}
}

// outputFile returns the file that the list is written to, or nil if stdout is not a
// regular file.
func outputFile(stdout *os.File) fs.FileInfo {
	info, err := stdout.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}

// run runs the pipeline and returns the exit status.
func (o *options) run(p *pipeline, stderr io.Writer) int {
	limit := asyncio.Never
	if o.timeout > 0 {
		limit = o.timeout
	}
	runner := &asyncio.Runner{ShutdownTimeout: patience}
	if o.look { // record more details for observers
		runner.Record = inspect.RecordSteps | inspect.RecordPlaces
	}
	// Besides the jobs, there is a thread each to walk, to print and to count.
	runner.Loop().SetDefaultExecutor(executor.NewPool(o.jobs + 3))
	err := runner.Run(context.Background(), func(ctx context.Context) error {
		if o.look {
			stop, err := introspect.Serve(ctx, introspect.Watch(0, 0))
			if err != nil {
				return err
			}
			defer stop()
			fmt.Fprintf(p.stderr, "treesum: process %d can be inspected\n", os.Getpid())
		}
		err := asyncio.Timeout(ctx, limit, p.run)
		if errors.Is(err, asyncio.ErrCancelled) {
			fmt.Fprintln(stderr, "treesum: interrupted; press Ctrl-C again to exit immediately")
		}
		return err
	})
	if err := runner.Close(); err != nil { // a thread is blocked; exit without it
		fmt.Fprintln(stderr, "treesum:", err)
	}
	switch {
	case errors.Is(err, asyncio.ErrInterrupted):
		return o.stopped(p, "stopped", exitInterrupted, stderr)
	case errors.Is(err, asyncio.ErrTimeout):
		return o.stopped(p, fmt.Sprintf("timed out after %v", o.timeout), exitTimeout, stderr)
	}
	if group := (*asyncio.GroupError)(nil); errors.As(err, &group) {
		err = errors.Join(group.Errors...)
	}
	if err != nil {
		fmt.Fprintln(stderr, "treesum:", err)
		return exitFailed
	}
	if o.warn(p.total, stderr) {
		return exitFailed
	}
	return 0
}

// stopped prints the completed lines and a message, and returns status.
func (o *options) stopped(p *pipeline, how string, status int, stderr io.Writer) int {
	if err := p.rest(); err != nil {
		fmt.Fprintln(stderr, "treesum:", err)
	}
	o.warn(p.total, stderr)
	fmt.Fprintf(stderr, "treesum: %s with %s done\n", how, count(p.total.done, "file", "files"))
	return status
}

// warn prints the numbers of failures, and reports whether the exit status must be 1.
func (o *options) warn(t tally, stderr io.Writer) bool {
	say := func(n int, one, many string) {
		if n > 0 {
			fmt.Fprintln(stderr, "treesum: WARNING:", count(n, one, many))
		}
	}
	if o.check {
		say(t.malformed, "line is improperly formatted", "lines are improperly formatted")
		say(t.unread, "listed file could not be read", "listed files could not be read")
		say(t.mismatched, "computed checksum did NOT match", "computed checksums did NOT match")
	} else {
		say(t.unread, "file or directory could not be read", "files or directories could not be read")
	}
	return t.unread+t.mismatched+t.failed > 0
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
