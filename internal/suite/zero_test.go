package suite_test

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"os"
	"os/exec"
	"path"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/policy"
	"example.com/asyncio/introspect"
)

// exportedTypes has all exported types but interfaces. Generic types have int as
// argument.
var exportedTypes = []reflect.Type{
	reflect.TypeFor[asyncio.Barrier](),
	reflect.TypeFor[asyncio.BoundedSemaphore](),
	reflect.TypeFor[asyncio.CallOption](),
	reflect.TypeFor[asyncio.CancelledError](),
	reflect.TypeFor[asyncio.CleanupError](),
	reflect.TypeFor[asyncio.ConcurrentFuture[int]](),
	reflect.TypeFor[asyncio.Condition](),
	reflect.TypeFor[asyncio.ContextVar[int]](),
	reflect.TypeFor[asyncio.ContextVars](),
	reflect.TypeFor[asyncio.Coro[int]](),
	reflect.TypeFor[asyncio.DeadlockError](),
	reflect.TypeFor[asyncio.Event](),
	reflect.TypeFor[asyncio.ExceptionContext](),
	reflect.TypeFor[asyncio.ExceptionHandler](),
	reflect.TypeFor[asyncio.Future[int]](),
	reflect.TypeFor[asyncio.GroupError](),
	reflect.TypeFor[asyncio.Handle](),
	reflect.TypeFor[asyncio.LIFOQueue[int]](),
	reflect.TypeFor[asyncio.Lock](),
	reflect.TypeFor[asyncio.Loop](),
	reflect.TypeFor[asyncio.PanicError](),
	reflect.TypeFor[asyncio.PriorityQueue[int]](),
	reflect.TypeFor[asyncio.Queue[int]](),
	reflect.TypeFor[asyncio.Result[int]](),
	reflect.TypeFor[asyncio.ReturnWhen](),
	reflect.TypeFor[asyncio.Runner](),
	reflect.TypeFor[asyncio.Semaphore](),
	reflect.TypeFor[asyncio.ShutdownError](),
	reflect.TypeFor[asyncio.TaskConfig](),
	reflect.TypeFor[asyncio.TaskFactory](),
	reflect.TypeFor[asyncio.TaskGroup](),
	reflect.TypeFor[asyncio.Task[int]](),
	reflect.TypeFor[asyncio.TimeoutError](),
	reflect.TypeFor[asyncio.TimeoutOption](),
	reflect.TypeFor[asyncio.TimeoutScope](),
	reflect.TypeFor[asyncio.TimerHandle](),
	reflect.TypeFor[asyncio.Token[int]](),

	reflect.TypeFor[inspect.AwaitInfo](),
	reflect.TypeFor[inspect.BlockInfo](),
	reflect.TypeFor[inspect.CallGraph](),
	reflect.TypeFor[inspect.CancelInfo](),
	reflect.TypeFor[inspect.Event](),
	reflect.TypeFor[inspect.EventInfo](),
	reflect.TypeFor[inspect.EventKind](),
	reflect.TypeFor[inspect.Frame](),
	reflect.TypeFor[inspect.LoopInfo](),
	reflect.TypeFor[inspect.Record](),
	reflect.TypeFor[inspect.Snapshot](),
	reflect.TypeFor[inspect.TaskInfo](),
	reflect.TypeFor[inspect.TaskState](),
	reflect.TypeFor[inspect.UnreadInfo](),
	reflect.TypeFor[inspect.WaitInfo](),
	reflect.TypeFor[inspect.WaitKind](),
	reflect.TypeFor[inspect.WaitReason](),

	reflect.TypeFor[driver.Real](),
	reflect.TypeFor[driver.Virtual](),

	reflect.TypeFor[executor.BusyError](),
	reflect.TypeFor[executor.Func](),
	reflect.TypeFor[executor.JobInfo](),
	reflect.TypeFor[executor.JobState](),
	reflect.TypeFor[executor.PanicError](),
	reflect.TypeFor[executor.Pool](),
	reflect.TypeFor[executor.Slot](),

	reflect.TypeFor[introspect.Bucket](),
	reflect.TypeFor[introspect.CancelReply](),
	reflect.TypeFor[introspect.CancelRequest](),
	reflect.TypeFor[introspect.Client](),
	reflect.TypeFor[introspect.Failure](),
	reflect.TypeFor[introspect.Finding](),
	reflect.TypeFor[introspect.Findings](),
	reflect.TypeFor[introspect.HistogramInfo](),
	reflect.TypeFor[introspect.Message](),
	reflect.TypeFor[introspect.Metrics](),
	reflect.TypeFor[introspect.MetricsInfo](),
	reflect.TypeFor[introspect.Option](),
	reflect.TypeFor[introspect.Picture](),
	reflect.TypeFor[introspect.Process](),
	reflect.TypeFor[introspect.ProcessInfo](),
	reflect.TypeFor[introspect.Recorded](),
	reflect.TypeFor[introspect.Recording](),
	reflect.TypeFor[introspect.Sample](),
	reflect.TypeFor[introspect.Stack](),
	reflect.TypeFor[introspect.TaskPage](),
}

// typeName returns the name of t as in asyncio.Queue.
func typeName(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return path.Base(t.PkgPath()) + "." + name
}

// TestZeroTypesAreComplete checks that exportedTypes has every exported type. It skips
// interfaces: a nil interface has no methods of ours. It skips aliases.
func TestZeroTypesAreComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, typ := range exportedTypes {
		listed[typeName(typ)] = true
	}
	all := policy.List(t)
	for _, name := range []string{"asyncio", "inspect", "driver", "executor", "introspect"} {
		importPath := "example.com/asyncio"
		if name != "asyncio" {
			importPath += "/" + name
		}
		pkg, err := all.Importer.Import(importPath)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range pkg.Scope().Names() {
			obj, ok := pkg.Scope().Lookup(id).(*types.TypeName)
			if !ok || !obj.Exported() || obj.IsAlias() || types.IsInterface(obj.Type()) || listed[name+"."+id] {
				continue
			}
			if named, ok := obj.Type().(*types.Named); ok && named.TypeParams().Len() > 0 {
				id += "[int]"
			}
			t.Errorf("no test of the zero value of %s.%s; add reflect.TypeFor[%s.%s]() to exportedTypes", name, id, name, id)
		}
	}
}

// A zeroCall is a call on a zero value or a nil pointer.
//
//   - zero: the zero value. The arguments are zero values; a ctx is nil.
//   - task: the same, but a ctx is that of the running task.
//   - nil: the nil pointer, with the arguments of zero.
type zeroCall struct {
	kind, typ, method string
	call              func(ctx context.Context) (problem string)
}

// zeroCalls returns the calls of all methods of exportedTypes. The method fmt formats the
// value.
func zeroCalls() (calls []zeroCall) {
	for _, typ := range exportedTypes {
		name, pointer := typeName(typ), reflect.PointerTo(typ)
		calls = append(calls,
			zeroCall{"zero", name, "fmt", func(context.Context) string {
				p := reflect.New(typ)
				return formatProblem(p.Interface(), p.Elem().Interface())
			}},
			zeroCall{"nil", name, "fmt", func(context.Context) string {
				return formatProblem(reflect.Zero(pointer).Interface())
			}})
		for m := range pointer.NumMethod() {
			method := pointer.Method(m)
			onZero := func(ctx context.Context) string {
				return callProblem(ctx, reflect.New(typ).Method(m))
			}
			calls = append(calls, zeroCall{"zero", name, method.Name, onZero})
			if slices.Contains(slices.Collect(method.Type.Ins()), contextType) {
				calls = append(calls, zeroCall{"task", name, method.Name, onZero})
			}
			if _, byValue := typ.MethodByName(method.Name); byValue {
				continue // Go itself panics for a nil pointer
			}
			calls = append(calls, zeroCall{"nil", name, method.Name, func(ctx context.Context) string {
				return callProblem(ctx, reflect.Zero(pointer).Method(m))
			}})
		}
	}
	return calls
}

var contextType = reflect.TypeFor[context.Context]()

// formatProblem formats the values and returns the panic of a String or Error method.
func formatProblem(values ...any) string {
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%s"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "PANIC=") {
				return verb + " prints " + text
			}
		}
	}
	return ""
}

// callProblem calls the method with zero values and the ctx, and returns what is wrong
// with its panic or errors.
func callProblem(ctx context.Context, method reflect.Value) (problem string) {
	defer func() {
		if p := recover(); p != nil {
			problem = panicProblem(p)
		}
	}()
	var args []reflect.Value
	for in := range method.Type().Ins() {
		arg := reflect.Zero(in)
		if in == contextType && ctx != nil {
			arg = reflect.ValueOf(ctx)
		}
		args = append(args, arg)
	}
	if method.Type().IsVariadic() {
		args = args[:len(args)-1]
	}
	for _, result := range method.Call(args) {
		if err, ok := result.Interface().(error); ok && isRuntimeError(err) {
			return fmt.Sprintf("returns the error %q", err)
		}
		switch t := result.Type(); {
		case result.Kind() != reflect.Func || result.IsNil():
		case t.CanSeq():
			for range result.Seq() {
				break
			}
		case t.CanSeq2():
			for range result.Seq2() {
				break
			}
		}
	}
	return ""
}

func isRuntimeError(err error) bool {
	var r runtime.Error
	return errors.As(err, &r)
}

// sentinels are the errors that panics of the library wrap.
var sentinels = []error{
	asyncio.ErrCancelled, asyncio.ErrInvalidState, asyncio.ErrNoRunningLoop, asyncio.ErrLoopClosed, asyncio.ErrWrongLoop,
	asyncio.ErrWrongContext, asyncio.ErrMisuse, asyncio.ErrInvalidArgument, asyncio.ErrQueueShutDown, executor.ErrShutdown,
}

var (
	ourText = regexp.MustCompile(`^(asyncio|inspect|driver|executor|introspect): `)
	advice  = regexp.MustCompile(`; \w|\bNew[A-Z]\w+`)
)

// panicProblem returns what is wrong with the value of a panic. It must be an error or a
// text of the library, and say what to do.
func panicProblem(value any) string {
	text := fmt.Sprint(value)
	switch v := value.(type) {
	case error:
		wraps := slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(v, s) })
		if isRuntimeError(v) {
			return fmt.Sprintf("panics with the run-time error %q", text)
		} else if !wraps && !ourText.MatchString(text) {
			return fmt.Sprintf("panics with %q, which is not an error of the library", text)
		}
	case string:
		if !ourText.MatchString(text) {
			return fmt.Sprintf("panics with %q, which is not a text of the library", text)
		}
	default:
		return fmt.Sprintf("panics with %T %q; want an error", value, text)
	}
	if !advice.MatchString(text) {
		return fmt.Sprintf("panics with %q, which does not say what to do", text)
	}
	return ""
}

// Limits of the child process. A call that takes longer hangs.
const (
	zeroCallLimit = 10 * time.Second
	zeroCallExit  = 3 // exit status after a call that hangs
)

// Lines of the child's output: the number of the call, and what is wrong with it.
var (
	zeroBegin = regexp.MustCompile(`^zero call (\d+)\n`)
	zeroEnd   = regexp.MustCompile(`^zero call (\d+): (".*")\n`)
)

// firstFault matches the line of a crash that has its cause.
var firstFault = regexp.MustCompile(`(?m)^(panic|fatal error): .*`)

// TestZeroChild makes the calls for TestZeroValues, beginning with the one that the
// environment names.
func TestZeroChild(t *testing.T) {
	first, err := strconv.Atoi(os.Getenv("ASYNCIO_ZERO_CALL"))
	if err != nil {
		t.Skip("only for TestZeroValues")
	}
	calls := zeroCalls()
	for n := first; n < len(calls); n++ {
		fmt.Printf("zero call %d\n", n)
		done := make(chan string, 1)
		go func() { done <- makeZeroCall(calls[n]) }()
		select {
		case problem := <-done:
			fmt.Printf("zero call %d: %q\n", n, problem)
		case <-time.After(zeroCallLimit):
			fmt.Printf("zero call %d: %q\n", n, "hangs")
			os.Exit(zeroCallExit)
		}
	}
	os.Exit(0)
}

// makeZeroCall makes the call, in a task if its kind requires one.
func makeZeroCall(c zeroCall) (problem string) {
	if c.kind != "task" {
		return c.call(nil)
	}
	r := &asyncio.Runner{Driver: driver.NewVirtual(), NoInterrupt: true}
	err := r.Run(context.Background(), func(ctx context.Context) error {
		problem = c.call(ctx)
		return nil
	})
	var deadlock *asyncio.DeadlockError // the call waited for nothing that can come
	if err := errors.Join(err, r.Close()); err != nil && problem == "" && !errors.As(err, &deadlock) {
		problem = fmt.Sprintf("Run returns %v", err)
	}
	return problem
}

// zeroProblems makes the calls in child processes and returns what is wrong with each.
// After a call that ends a child, another child continues with the next call.
func zeroProblems(t *testing.T, calls []zeroCall) (problems []string) {
	problems = make([]string, len(calls))
	for n := 0; n < len(calls); {
		cmd := exec.Command(os.Args[0], "-test.run=^TestZeroChild$")
		cmd.Env = append(os.Environ(), fmt.Sprint("ASYNCIO_ZERO_CALL=", n), "GORACE=atexit_sleep_ms=0")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		began, ended := n-1, n-1
		for line := range strings.Lines(string(out)) {
			if m := zeroBegin.FindStringSubmatch(line); m != nil {
				began, _ = strconv.Atoi(m[1])
			} else if m := zeroEnd.FindStringSubmatch(line); m != nil {
				ended, _ = strconv.Atoi(m[1])
				problems[ended], _ = strconv.Unquote(m[2])
			}
		}
		if began < n {
			t.Fatalf("the child made no call: %v\n%s%s", err, out, &stderr)
		}
		if ended < began {
			problems[began] = fmt.Sprintf("ends the process (%v): %s", err, firstFault.FindString(stderr.String()))
		}
		n = began + 1
	}
	return problems
}

// TestZeroValues calls every exported method of the zero value and of the nil pointer of
// every exported type. A call must return, or panic with an error that says what to do. A
// method of a nil pointer may also panic with Go's own nil dereference, as the types of
// the standard library do.
func TestZeroValues(t *testing.T) {
	calls := zeroCalls()
	for n, problem := range zeroProblems(t, calls) {
		if c := calls[n]; problem != "" && !(c.kind == "nil" && strings.Contains(problem, "nil pointer dereference")) {
			t.Errorf("%s %s.%s %s", c.kind, c.typ, c.method, problem)
		}
	}
}

// TestPanicProblem checks what TestZeroValues accepts as a panic.
func TestPanicProblem(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{fmt.Errorf("asyncio: Put on a zero Queue; make it with NewQueue: %w", asyncio.ErrMisuse), ""},
		{errors.New("executor: Submit to a zero Pool: use NewPool"), ""},
		{fmt.Errorf("not ours; but misuse: %w", asyncio.ErrMisuse), ""},
		{"driver: use of a zero Real; make it with NewReal", ""},
		{"a text; not ours", `panics with "a text; not ours", which is not a text of the library`},
		{1, `panics with int "1"; want an error`},
		{errors.New("boom; NewQueue"), `panics with "boom; NewQueue", which is not an error of the library`},
		{errors.New("asyncio: wrong"), `panics with "asyncio: wrong", which does not say what to do`},
		{fmt.Errorf("asyncio: panic; %w", panicOf(func() { _ = *(*int)(nil) })),
			`panics with the run-time error "asyncio: panic; runtime error: invalid memory address or nil pointer dereference"`},
	} {
		equal(t, fmt.Sprint(test.value), panicProblem(test.value), test.want)
	}
}
