package asyncio

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"example.com/asyncio/driver"
	"example.com/asyncio/executor"
	"example.com/asyncio/inspect"
	"example.com/asyncio/internal/coro"
	"example.com/asyncio/internal/list"
	"example.com/asyncio/internal/ring"
	"example.com/asyncio/internal/timerheap"
)

// Never is a time that does not come, such as the deadline of a timeout without a limit.
const Never = driver.Never

// A Loop runs tasks and callbacks, one at a time. [Run] creates one. Use [NewLoop] only
// to embed a loop in another event system.
//
// Its methods belong to the code that runs on the loop (tasks and callbacks), and to its
// owner while it does not run. Other goroutines use [Loop.CallSoonThreadsafe] and the
// methods that say so. The zero Loop is not usable; its methods panic.
//
// See asyncio.loop (CPython 3.13 base_events.py).
type Loop struct {
	// Owned by the goroutine that has control, except atomic fields.
	scheduling
	control
	varStack
	exiting
	elsewhere
	cancelling
	observing
	reporting
	debugging
	creation
	flags

	// Used by any goroutine.
	shared
}

// scheduling says what runs next. The first turnLeft entries of ready are those of the
// current turn.
type scheduling struct {
	driver          driver.Driver         // the clock; never nil
	ready           ring.Buffer[entry]    // in the order in which they became ready
	order           func(ready int) int   // chooses the next of them; nil: the first. See SetOrder
	turnLeft        int                   // entries that the current turn has yet to run
	turns           uint64                // turns begun
	timers          timerheap.Heap[entry] // by deadline, then in order of creation
	cancelledTimers int                   // how many of the timers are cancelled
}

// control says which stack runs. User code of a task runs on the stack of current, that
// of a callback on callStack. During a step, each unfinished task is the current one, in
// eager, in ready, or in suspended.
type control struct {
	group     *coro.Group  // the stacks
	current   *taskBase    // the running task; nil in a callback; between two steps, nil or the last task
	callStack *coro.Stack  // the stack that took an entry as a bare stack last; callbacks run on it
	handoff   entry        // left by a suspending task or an eager start to the next bare stack; nil: none
	eager     []eagerStart // the eager starts under way, innermost last
	suspended taskList     // the unfinished tasks that have suspended at least once, also the current one
	alive     int          // the number of unfinished tasks
}

// varStack says in which context variables the code runs: override, otherwise those of
// the current task, otherwise root.
type varStack struct {
	override *ContextVars   // set during a callback, a ContextVars.Run and a report; nil: none
	outer    []*ContextVars // those of the callers of ContextVars.Run and of the creators of eager starts, which wait
	root     ContextVars    // those outside of all tasks and callbacks
}

// exiting says why and how run returns.
type exiting struct {
	stopping bool           // Stop was called; reset when run returns
	fresh    bool           // this run has had no turn; its first turn comes even if stopping
	exited   bool           // user code called runtime.Goexit, which must continue in the caller of run
	fatal    *PanicError    // a panic of the driver or of order, which must continue in the caller of run; nil: none
	deadlock *DeadlockError // set by park, returned by run; nil: none
	deadline time.Duration  // the loop time at which run returns in any case; Never except during shutdown
	wakeable bool           // the ctx of Run can still end, so a waiting loop is not in a deadlock
}

// elsewhere is for work outside of the loop, which ends through the inbox. While outside
// is not 0, the loop has something to wait for.
type elsewhere struct {
	outside     int                     // jobs, wrapped futures and shutdowns of the executor that have not ended
	abandoned   int                     // jobs that continue after a cancel of their await; not in outside
	under       map[*waitUnder]struct{} // the awaits that the end of a foreign ctx may end; nil before the first
	completions sharedCallback          // the end of each Sleep and job; it has no function, and delivers the future's outcome
	spareJobs   any                     // the first of a list of *offloaded[T] to reuse, of the T that ended last; nil: none
	pools       []executor.Executor     // the default executor, last, and its predecessors; empty before the first use
	poolShut    bool                    // the default executor was shut down, or the loop is at its end
}

// cancelling is the state of a cancel request that is under way. Both are zero otherwise.
type cancelling struct {
	onBehalfOf any  // the requester, while a future forwards the request to others; nil: none does
	inCycle    bool // the request came back to a task that it had visited: see cancelAwaited
}

// observing is for observers and snapshots. event is empty between calls of the observer.
type observing struct {
	observer    inspect.Observer       // nil: none
	muted       atomic.Bool            // events are only counted; see MuteObserver
	mutedEvents uint64                 // events counted while muted, of all observers so far
	record      inspect.Record         // what is recorded about tasks; 0: nothing
	event       inspect.Event          // the event that the observer receives
	stepBegan   time.Duration          // when the current step began or continued, in loop time; only with RecordSteps
	probe       *probe                 // a question that the next stack to resume answers; nil: none
	scopes      list.List[cancelScope] // the open scopes that have a block, last opened first
}

// reporting is for errors that cannot be returned.
type reporting struct {
	handler  ExceptionHandler // nil: DefaultExceptionHandler
	unread   unreadList       // the errors that were neither read nor reported
	printing []*futureBase    // the futures whose String is being built, innermost last
}

// debugging is debug mode. goids and here are maintained only while debug is set.
type debugging struct {
	debug bool                   // debug mode is on
	slow  time.Duration          // the minimum duration of a step that is reported, in real time; below 0: always
	clock stepClock              // measures the current step
	goids map[*coro.Stack]uint64 // the goroutine ids of the stacks that have run a step; nil before the first
	here  atomic.Uint64          // the id of the goroutine that has control; 0: unknown. Any goroutine reads it
}

// creation is for new futures and tasks.
type creation struct {
	futures uint64      // futures created, including tasks; the number of the last one
	factory TaskFactory // set by SetTaskFactory; nil: none
}

// flags are derived from other fields, so that hot paths need one comparison: see
// updateFlags.
type flags struct {
	watched  bool // there is an observer or a record
	slowPath bool // watched, debug mode, a probe, or a loop that is closing or closed
	stepwise bool // a bare stack must see each step: debug mode, a deadline, or an order
}

// shared may be used by any goroutine.
type shared struct {
	state   atomic.Int32 // idle, running, closing or closed
	escaped atomic.Bool  // user code holds the Loop, so other goroutines may have it
	inbox   inbox        // entries from other goroutines
}

const (
	idle int32 = iota
	running
	closing // tasks are being killed
	closed
)

var stateNames = [...]string{"idle", "running", "closing", "closed"}

// NewLoop returns a loop on d, or on real time if d is nil. The caller must close it. See
// asyncio.new_event_loop.
func NewLoop(d driver.Driver) *Loop {
	l := newLoop(d)
	l.escaped.Store(true)
	return l
}

func newLoop(d driver.Driver) *Loop {
	if d == nil {
		d = driver.NewReal()
	}
	l := &Loop{}
	l.driver, l.slow, l.deadline = d, defaultSlow, Never
	l.SetDebug(debugByEnvironment())
	l.group = coro.NewGroup(newBody(l))
	l.inbox.unpark = d.Unpark
	l.completions.call.kind, l.completions.call.loop = kindShared, l
	return l
}

// mustBeMade panics for a zero Loop.
func (l *Loop) mustBeMade(act string) {
	if l.group == nil {
		panic(misuse(ErrMisuse, "%s of a zero Loop; make one with NewLoop, or use Run", act))
	}
}

// updateFlags derives the flags. Code that changes a field on which they depend calls it.
func (l *Loop) updateFlags() {
	l.watched = l.observer != nil || l.record != 0
	l.slowPath = l.watched || l.debug || l.probe != nil || l.ends()
	l.stepwise = l.debug || l.deadline != Never || l.order != nil
}

// Time returns the loop's time. It is monotonic and not related to the time of day. See
// loop.time.
func (l *Loop) Time() time.Duration {
	l.mustBeMade("Time")
	return l.driver.Now()
}

// CallSoon schedules a call of fn for the next turn, after everything that is ready now.
//
//   - fn must not wait. It runs in a copy of the current context variables, or in those
//     given.
//   - It panics if fn is nil ([ErrInvalidArgument]) or the loop is closed
//     ([ErrLoopClosed]).
//
// See loop.call_soon.
func (l *Loop) CallSoon(fn func(ctx context.Context), opts ...CallOption) *Handle {
	mustFunc("CallSoon", fn == nil)
	l.mustBeMade("CallSoon")
	h := &Handle{fn: fn}
	h.init(l, "CallSoon", opts)
	// Earlier calls of CallSoonThreadsafe come first.
	l.takeInbox()
	l.ready.Push(&h.head)
	return h
}

// CallLater schedules a call of fn for when d has passed; for the next turn if d is 0 or
// less. Calls for the same time happen in order of scheduling. Otherwise it is
// [Loop.CallSoon]. See loop.call_later.
func (l *Loop) CallLater(d time.Duration, fn func(ctx context.Context), opts ...CallOption) *TimerHandle {
	l.mustBeMade("CallLater")
	return l.callAt("CallLater", l.timeAfter(d), fn, opts)
}

// CallAt is [Loop.CallLater] with a point in time, in the loop's time. See loop.call_at.
func (l *Loop) CallAt(when time.Duration, fn func(ctx context.Context), opts ...CallOption) *TimerHandle {
	l.mustBeMade("CallAt")
	return l.callAt("CallAt", when, fn, opts)
}

func (l *Loop) callAt(act string, when time.Duration, fn func(ctx context.Context), opts []CallOption) *TimerHandle {
	mustFunc(act, fn == nil)
	t := &TimerHandle{when: when}
	t.fn = fn
	t.init(l, act, opts)
	l.addTimer(&t.head, when)
	return t
}

// SetOrder makes choose decide which of the ready calls and tasks runs next. It is for
// tests and simulations that search for faults in other orders: code that is correct in
// asyncio's order need not be correct in every order.
//
//   - choose receives the number of ready entries, two or more. It returns the index of
//     one: 0 is the entry that became ready first. A result outside 0 to ready-1 causes a
//     panic.
//   - choose runs between the steps and must not use the loop.
//   - Some entries may have been cancelled, and do nothing.
//   - Timers are checked after as many steps as were ready at the last check.
//   - A nil choose restores asyncio's order, which is always 0.
func (l *Loop) SetOrder(choose func(ready int) int) {
	l.order = choose
	l.updateFlags()
}

// Stop makes RunForever return at the end of the current turn. If the loop does not run,
// the next RunForever runs one turn. See loop.stop.
func (l *Loop) Stop() { l.stopping = true }

// IsRunning reports whether RunForever is running. Any goroutine may call it. See
// loop.is_running.
func (l *Loop) IsRunning() bool { return l.state.Load() == running }

// IsClosed reports whether the loop was closed. Any goroutine may call it. See
// loop.is_closed.
func (l *Loop) IsClosed() bool { return l.state.Load() == closed }

// ends reports whether the loop is closed or being closed: it will run nothing more.
func (l *Loop) ends() bool { return l.state.Load() >= closing }

// Context returns a ctx for the loop outside of all tasks. Futures and tasks can be
// created with it before the loop runs.
func (l *Loop) Context() context.Context {
	l.mustBeMade("Context")
	l.escaped.Store(true)
	return l.rootContext()
}

func (l *Loop) rootContext() context.Context {
	return &callContext{contextBase{loop: l, override: &l.root}}
}

// RunForever runs the loop until Stop. It can be called again afterwards, also after an
// error:
//
//   - [ErrMisuse]: the loop runs already.
//   - [ErrLoopClosed]: the loop is closed.
//   - A [DeadlockError]: nothing can happen any more. A loop in real time that other
//     goroutines can reach waits for them instead.
//
// If a task or callback called runtime.Goexit, RunForever does so too. See
// loop.run_forever.
func (l *Loop) RunForever() error {
	err := l.run()
	if l.exited {
		l.exited = false
		runtime.Goexit()
	}
	return err
}

func (l *Loop) run() error {
	l.mustBeMade("RunForever")
	if !l.state.CompareAndSwap(idle, running) {
		if l.ends() {
			return l.endedError("RunForever")
		}
		return misuse(ErrMisuse, "RunForever of %v, which runs already; in a task, await the other task instead", l)
	}
	l.fresh = true
	l.group.Enter()
	l.stopping = false
	l.current, l.override = nil, nil
	l.here.Store(0)
	l.state.Store(idle)
	if p := l.fatal; p != nil {
		l.fatal, l.exited = nil, false
		panic(p)
	}
	if d := l.deadlock; d != nil {
		l.deadlock = nil
		return d
	}
	return nil
}

// Close ends the loop.
//
//   - Calls that are still scheduled do not happen.
//   - Unfinished tasks are killed in order of creation: each await returns
//     [ErrLoopClosed] and their deferred calls run.
//   - Errors that were never read are reported.
//   - A second Close does nothing. A Close of a running loop returns [ErrMisuse].
//
// See loop.close.
func (l *Loop) Close() error {
	l.mustBeMade("Close")
	if !l.state.CompareAndSwap(idle, closing) {
		if l.IsRunning() {
			return misuse(ErrMisuse, "Close of %v, which is running; call Stop, and Close when RunForever has returned", l)
		}
		return nil
	}
	l.updateFlags()
	for _, t := range l.all() {
		if t.future.state == pending { // it may have ended with a task that awaited it
			l.kill(t)
		}
	}
	l.state.Store(closed)
	l.inbox.close(misuse(ErrLoopClosed, "RunCoroutineThreadsafe on %v, which was closed before the task had ended", l))
	l.ready.Clear()
	l.turnLeft = 0
	l.timers = timerheap.Heap[entry]{}
	l.group.Close()
	l.poolShut = true
	atOnce, cancel := context.WithCancel(context.Background())
	cancel()
	for _, ex := range l.pools {
		_ = ex.Shutdown(atOnce) // the results of running jobs can no longer be received
	}
	l.unread.flush(l) // last, since the handler may end this goroutine, as t.Fatal does
	return nil
}

// requester returns the cause of what the running code does, for example a cancel: its
// task, nil in a callback, or the requester of a cancel that it forwards.
func (l *Loop) requester() any {
	if l.onBehalfOf != nil {
		return l.onBehalfOf
	}
	if l.current == nil {
		return nil
	}
	return l.current.future.self
}

// String describes l: <Loop running debug>. See BaseEventLoop.__repr__.
func (l *Loop) String() string {
	state := stateNames[l.state.Load()]
	if l.inbox.debug.Load() {
		state += " debug"
	}
	return fmt.Sprintf("<Loop %s>", state)
}

func (l *Loop) mustBeOpen(act string) {
	if l.ends() {
		panic(l.endedError(act))
	}
}

func (l *Loop) endedError(act string) error {
	return misuse(ErrLoopClosed, "%s on %v, which will not run again; make a new one, or do it before Close", act, l)
}
