package introspect_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/introspect"
)

// traced traces f and returns the tasks, regions and logs of the trace, one per line, as
// read by the go command.
func traced(t *testing.T, f func()) (events lines) {
	t.Helper()
	var taken bytes.Buffer
	if err := trace.Start(&taken); err != nil {
		t.Skip("SKIPPED: tracing is already on: ", err)
	}
	f()
	trace.Stop()
	file := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(file, taken.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	out, err := exec.Command("go", "tool", "trace", "-d=parsed", file).CombinedOutput()
	if err != nil {
		t.Fatalf("go tool trace: %v\n%s", err, out)
	}
	names := map[string]string{"0": "none", noTask: "none"} // of tasks, by ID
	goroutines := map[string]string{}                       // the names G1, G2, ... by ID
	for line := range strings.Lines(string(out)) {
		m := userEvent.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if goroutines[m[1]] == "" {
			goroutines[m[1]] = fmt.Sprintf("G%d", len(goroutines)+1)
		}
		kind, id, parent, what := m[2], m[3], m[4], m[5]
		switch kind {
		case "TaskBegin":
			names[id] = strings.Trim(what, `"`)
			events.add("%s %s under %s", kind, names[id], names[parent])
		case "TaskEnd":
			events.add("%s %s", kind, names[id])
		default:
			events.add("%s on %s, task %s: %s", kind, goroutines[m[1]], names[id], what)
		}
	}
	return events
}

var userEvent = regexp.MustCompile(`G=(\d+) (TaskBegin|TaskEnd|RegionBegin|RegionEnd|Log) Time=\d+ (?:ID|Task)=(\d+)(?: Parent=(\d+))? (?:Type|Category)=(.*)`)

const noTask = "18446744073709551615"

// A trace contains:
//
//   - each task, below the creating task or below the task that the program has put into
//     its ctx;
//   - the region of each task, in which regions of its code may span an await;
//   - what each task waits for;
//   - callbacks.
//
// A task that runs on top of its waiter is on the same goroutine.
func TestTraceTasks(t *testing.T) {
	r := traced(t, func() {
		under(t, introspect.TraceTasks(), func(ctx context.Context) error {
			child := asyncio.Go(ctx, func(ctx context.Context) error {
				trace.WithRegion(ctx, "around an await", func() { _ = asyncio.Yield(ctx) })
				return nil
			}, asyncio.WithName("child"))
			_, err := child.Await(ctx)
			own, task := trace.NewTask(ctx, "of the program")
			asyncio.Go(own, func(context.Context) error { return nil })
			_ = asyncio.Sleep(ctx, time.Second)
			task.End()
			return err
		})
	})
	r.want(t,
		`TaskBegin main under none`,
		`RegionBegin on G2, task main: "main"`,
		`TaskBegin child under main`,
		`Log on G2, task main: "suspended" Message="task child"`,
		`RegionBegin on G2, task child: "child"`,
		`RegionBegin on G2, task child: "around an await"`,
		`Log on G2, task child: "suspended" Message="ready"`,
		`RegionEnd on G2, task child: "around an await"`,
		`RegionEnd on G2, task child: "child"`,
		`TaskEnd child`,
		`TaskBegin of the program under main`,
		`TaskBegin Task under of the program`,
		`Log on G2, task main: "suspended" Message="a timer until 1s"`,
		`RegionBegin on G3, task Task: "Task"`,
		`RegionEnd on G3, task Task: "Task"`,
		`TaskEnd Task`,
		`TaskEnd of the program`,
		`RegionEnd on G2, task main: "main"`,
		`TaskEnd main`,
		`RegionBegin on G2, task none: "callback"`, // reports the end of main to Run
		`RegionEnd on G2, task none: "callback"`,
	)
}

// The trace is valid even if a closing loop kills tasks, started or not. A trace contains
// the tasks that are created while it is on.
func TestTraceOfKilledTasks(t *testing.T) {
	var first, last *asyncio.Loop
	begin := func() *asyncio.Loop {
		l := asyncio.NewLoop(driver.NewVirtual())
		l.SetObserver(introspect.TraceTasks())
		asyncio.Go(l.Context(), waits, asyncio.WithName("begun"))
		l.CallSoon(func(context.Context) { l.Stop() })
		if err := l.RunForever(); err != nil {
			t.Error(err)
		}
		asyncio.Go(l.Context(), waits, asyncio.WithName("new"))
		return l
	}
	first = begin()
	r := traced(t, func() {
		_ = first.Close()
		last = begin()
		_ = begin().Close()
	})
	_ = last.Close()
	r.want(t,
		// Nothing of the first loop, whose tasks were created before the trace began.
		`TaskBegin begun under none`,
		`RegionBegin on G2, task begun: "begun"`,
		`Log on G2, task begun: "suspended" Message="a timer until 1h0m0s"`,
		`RegionBegin on G3, task none: "callback"`,
		`RegionEnd on G3, task none: "callback"`,
		`TaskBegin new under none`,
		// The beginning of the second loop, which ends after the trace. Then the third
		// loop:
		`TaskBegin begun under none`,
		`RegionBegin on G4, task begun: "begun"`,
		`Log on G4, task begun: "suspended" Message="a timer until 1h0m0s"`,
		`RegionBegin on G5, task none: "callback"`,
		`RegionEnd on G5, task none: "callback"`,
		`TaskBegin new under none`,
		`RegionEnd on G4, task begun: "begun"`,
		`TaskEnd begun`,
		`TaskEnd new`,
	)
}

// While tracing is off, neither a step nor a callback allocates.
func TestTraceTasksAllocatesNothingWhileOff(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("SKIPPED: tracing is on")
	}
	under(t, introspect.TraceTasks(), func(ctx context.Context) error {
		if n := testing.AllocsPerRun(100, func() { _ = asyncio.Yield(ctx) }); n != 0 {
			t.Errorf("a step makes %v allocations", n)
		}
		return nil
	})
}

func waits(ctx context.Context) error { return asyncio.Sleep(ctx, time.Hour) }
