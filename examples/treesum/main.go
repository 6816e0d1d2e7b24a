// Treesum prints the checksums of all files in directory trees, in the format of sha256sum, and checks
// such lists.
//
//	treesum DIR... > SUMS
//	treesum -c SUMS
//
// treesum --help has the options.
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

Prints a line for each regular file in the trees: its checksum and its path, sorted by path, in the format
of sha256sum. Symbolic links are left out, but a DIR may be one. With -c it checks the files that are named
in a list, or in standard input.

`

const exits = `
The exit status is 0 if all is well, 1 if a file could not be read, changed under way or is not as its list
says, 2 if a DIR does not exist or a flag is wrong, 124 if the time was up, 130 after Ctrl-C. In the last two
cases what was done is printed. A second Ctrl-C ends the program at once.
`

// The statuses that the program exits with, beside 0.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitTimeout     = 124 // as timeout(1)
	exitInterrupted = 130 // as a shell says it of who was ended by SIGINT
)

// patience is how long, after an interrupt or a timeout, we wait for a thread that a disk does not answer.
const patience = 2 * time.Second

// options is what the command line says.
type options struct {
	args      []string
	check     bool
	quiet     bool
	algorithm algorithm
	jobs      int
	timeout   time.Duration
	look      bool // from outside, by the command asyncio
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program; it returns the exit status.
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

// addBar has p show its progress on a terminal, and write above it what goes there too.
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

// readsOnce tells whether a list is a pipe or the like, in which what was read is gone.
func readsOnce(list string) bool {
	info, err := os.Stat(list)
	return list == "-" || err != nil || !info.Mode().IsRegular()
}

func parseFlags(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	flags := pflag.NewFlagSet("treesum", pflag.ContinueOnError)
	flags.SortFlags = false
	name := flags.StringP("algorithm", "a", algorithms[0].name, "one of "+algorithmNames())
	flags.BoolVarP(&o.check, "check", "c", false, "read checksums from lists and check them")
	flags.IntVarP(&o.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "how many files to hash at a time")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "with -c, say nothing of files that are as they should be")
	flags.DurationVarP(&o.timeout, "timeout", "t", 0, "stop after this time, such as 90s or 1h30m (default: never)")
	flags.BoolVar(&o.look, "introspect", false, "let asyncio ps, pstree, top and web look at the tasks; says the process id")
	flags.Usage = func() { fmt.Fprint(stdout, usage, flags.FlagUsages(), exits) }
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.args = flags.Args()
	var known bool
	o.algorithm, known = findAlgorithm(*name)
	switch {
	case !known:
		return nil, fmt.Errorf("--algorithm %s: unknown; there are %s", *name, algorithmNames())
	case o.jobs < 1:
		return nil, fmt.Errorf("--jobs %d: it takes at least 1", o.jobs)
	case o.timeout < 0:
		return nil, fmt.Errorf("--timeout %v: a time cannot be negative", o.timeout)
	case o.quiet && !o.check:
		return nil, errors.New("--quiet makes sense with --check only")
	case len(o.args) == 0 && !o.check:
		return nil, errors.New("no DIR given")
	case len(o.args) == 0:
		o.args = []string{"-"}
	}
	return o, nil
}

// work returns what there is to do.
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

// outputFile returns the file that the list is written to, nil if it goes elsewhere.
func outputFile(stdout *os.File) fs.FileInfo {
	info, err := stdout.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}

// run runs the pipeline to its end and says how it ended.
func (o *options) run(p *pipeline, stderr io.Writer) int {
	limit := asyncio.Never
	if o.timeout > 0 {
		limit = o.timeout
	}
	runner := &asyncio.Runner{ShutdownTimeout: patience}
	if o.look { // there is more to see then
		runner.Record = inspect.RecordSteps | inspect.RecordPlaces
	}
	// Beside the jobs: a thread that walks, one that prints, one that counts.
	runner.Loop().SetDefaultExecutor(executor.NewPool(o.jobs + 3))
	err := runner.Run(context.Background(), func(ctx context.Context) error {
		if o.look {
			stop, err := introspect.Serve(ctx, introspect.Watch(0, 0))
			if err != nil {
				return err
			}
			defer stop()
			fmt.Fprintf(p.stderr, "treesum: process %d can be looked into\n", os.Getpid())
		}
		err := asyncio.Timeout(ctx, limit, p.run)
		if errors.Is(err, asyncio.ErrCancelled) {
			fmt.Fprintln(stderr, "treesum: interrupted; Ctrl-C again ends the program at once")
		}
		return err
	})
	if err := runner.Close(); err != nil { // a thread hangs; we go on without it
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

// stopped prints what was done before the end came, and returns the status.
func (o *options) stopped(p *pipeline, how string, status int, stderr io.Writer) int {
	if err := p.rest(); err != nil {
		fmt.Fprintln(stderr, "treesum:", err)
	}
	o.warn(p.total, stderr)
	fmt.Fprintf(stderr, "treesum: %s with %s done\n", how, count(p.total.done, "file", "files"))
	return status
}

// warn says how many files were not as they should be; false if none.
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
