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
	"example.com/asyncio/internal/ring"
	"example.com/asyncio/internal/timerheap"
)

// Never is a time that does not come: the deadline of a timeout that is off.
const Never = driver.Never

// A Loop runs tasks and callbacks, one at a time. [Run] makes one; only who
// embeds the loop in something else needs [NewLoop]. Its methods belong to the
// code that runs on it (tasks and callbacks), or to the one who holds it while
// it does not run; [Loop.CallSoonThreadsafe] is for all others.
// See asyncio.loop (CPython 3.13 base_events.py).
type Loop struct {
	// Owned by the goroutine that runs the loop's code at the moment.
	driver          driver.Driver
	group           *coro.Group
	ready           ring.Buffer[entry]
	order           func(ready int) int // which of them is next; nil: the first
	turnLeft        int                 // entries that the present turn has still to run
	turns           uint64              // begun
	timers          timerheap.Heap[entry]
	cancelledTimers int                     // of those in timers
	completions     sharedCallback          // the end of each Sleep and job: it has no function, and gives the future its outcome
	current         *strand                 // which runs; nil in a callback and outside of all
	override        *ContextVars            // in which the code runs, if that is not the current task's: see context
	outer           []*ContextVars          // in which those run that wait for the present code to return
	root            ContextVars             // outside of all tasks and callbacks
	callStack       *coro.Stack             // the bare one that had control last: on which a callback runs
	handoff         entry                   // what a stack found next and left to a bare one
	eager           []eagerStart            // the innermost last
	scopes          scopeList               // all that are open
	suspended       taskList                // that have suspended
	alive           int                     // strands that have not ended
	futures         uint64                  // made, tasks among them
	outside         int                     // pieces of work elsewhere whose end comes through the inbox
	abandoned       int                     // jobs, not among these, that go on though their await was cancelled
	under           map[*waitUnder]struct{} // awaits that the end of a ctx of Go's may end
	onBehalfOf      any                     // who asks for a cancel that is being passed on
	inCircle        bool                    // a cancel on its way has come to a task where it was before
	stopping        bool
	fresh           bool        // this run has not had its first turn, which comes even if stopping
	exited          bool        // a Goexit is on its way to the caller of run
	fatal           *PanicError // so is a panic
	wakeable        bool        // something outside can still act on a loop that waits: a ctx, say
	deadlock        *DeadlockError
	deadline        time.Duration // at which run returns in any case; Never but while shutting down
	stepwise        bool          // a bare stack is to see each step: see mayShortcut
	slowPath        bool          // who goes on has more to do than that: see goOnOddly
	probe           *probe        // that a stack is to answer which goes on
	watched         bool          // there is an observer or a record
	observer        inspect.Observer
	muted           atomic.Bool // it is not told
	mutedEvents     uint64      // of so many events
	record          inspect.Record
	event           inspect.Event // that the observer is told of
	stepBegan       time.Duration // the present step, with RecordSteps
	handler         ExceptionHandler
	reports         reportList // of errors that nobody has read
	factory         TaskFactory
	spareJobs       any                 // *offloaded[T], of whichever T was the last
	pools           []executor.Executor // the default executor, behind those that were so before
	poolShut        bool
	printing        []any // the futures whose String is being made, the innermost last
	debug           bool
	slow            time.Duration // of a step, that is reported in debug mode
	clock           stepClock
	goids           map[*coro.Stack]uint64 // the ids of their goroutines, in debug mode

	// Safe for any goroutine.
	state   atomic.Int32 // idle, running, closing, closed
	escaped atomic.Bool  // user code holds the Loop, so another goroutine may have it
	inbox   inbox
	here    atomic.Uint64 // in debug mode: the id of the goroutine that has control, or 0
}

const (
	idle int32 = iota
	running
	closing // strands are being killed
	closed
)

var stateNames = [...]string{"idle", "running", "closing", "closed"}

// maxPark is how long a loop sleeps at most before it looks at the time again: clocks err over days.
// See MAXIMUM_SELECT_TIMEOUT.
const maxPark = 24 * time.Hour

// NewLoop returns a loop on d, or on real time if d is nil. It must be closed in
// the end. See asyncio.new_event_loop.
func NewLoop(d driver.Driver) *Loop {
	l := newLoop(d)
	l.escaped.Store(true)
	return l
}

func newLoop(d driver.Driver) *Loop {
	if d == nil {
		d = driver.NewReal()
	}
	l := &Loop{driver: d, slow: defaultSlow}
	l.deadline = Never
	l.SetDebug(debugByEnvironment())
	l.group = coro.NewGroup(newBody(l))
	l.inbox.unpark = d.Unpark
	l.completions.shared.kind, l.completions.shared.loop = kindRegistration, l
	return l
}

// Time returns the loop's time: monotonic, and of no relation to the time of day. See loop.time.
func (l *Loop) Time() time.Duration { return l.driver.Now() }

// CallSoon has fn called in the next turn, after all that is ready now. fn must
// not wait. It runs in a copy of the present Context or in the one given. It panics if fn is nil ([ErrInvalidArgument])
// or the loop is closed ([ErrLoopClosed]). See loop.call_soon.
func (l *Loop) CallSoon(fn func(ctx context.Context), opts ...CallOption) *Handle {
	mustFunc("CallSoon", fn == nil)
	h := &Handle{fn: fn}
	h.init(l, "CallSoon", opts)
	// Those who called CallSoonThreadsafe before are called before.
	l.takeInbox()
	l.ready.Push(&h.head)
	return h
}

// CallLater has fn called when d has passed, in the next turn if that is 0 or less. Calls for the same time happen in
// the order in which they were asked for. In all else it is as [Loop.CallSoon]. See loop.call_later.
func (l *Loop) CallLater(d time.Duration, fn func(ctx context.Context), opts ...CallOption) *TimerHandle {
	return l.callAt("CallLater", l.timeAfter(d), fn, opts)
}

// CallAt is [Loop.CallLater] with a point in time, as [Loop.Time] counts. See loop.call_at.
func (l *Loop) CallAt(when time.Duration, fn func(ctx context.Context), opts ...CallOption) *TimerHandle {
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

// timeAfter returns the time when d has passed; Never if time does not go that far.
func (l *Loop) timeAfter(d time.Duration) time.Duration {
	now := l.driver.Now()
	if d > Never-now {
		return Never
	}
	return now + d
}

func (l *Loop) addTimer(e entry, when time.Duration) {
	e.queued = true
	l.timers.Push(when, e)
}

// SetOrder has choose decide which of the ready calls and tasks runs next. It is told
// how many are ready, if they are two or more, and returns one of them, from 0, which became
// ready first, to ready-1. nil is asyncio's order, in which they became ready: always 0.
//
// It is for tests and simulation, which look for what goes wrong in another order: code that is right
// on asyncio's loop need not be in every order. Some of what is ready may have been cancelled, and does nothing.
// Timers are looked at after as many steps as were ready when that was last
// done. choose runs between the steps, and must not use the loop; any other answer is a panic.
func (l *Loop) SetOrder(choose func(ready int) int) {
	l.order = choose
	l.updateStepwise()
}

// mayShortcut finds out, after a change of what matters for that, whether a task that suspends may
// take what is next itself.
func (l *Loop) updateStepwise() {
	l.stepwise = l.debug || l.deadline != Never || l.order != nil
}

// Stop has RunForever return at the end of the present turn; if the loop does not run, the next
// RunForever runs what is ready, once. See loop.stop.
func (l *Loop) Stop() { l.stopping = true }

// IsRunning tells whether somebody is inside RunForever. Any goroutine may ask. See loop.is_running.
func (l *Loop) IsRunning() bool { return l.state.Load() == running }

// IsClosed tells whether the loop was closed. Any goroutine may ask. See loop.is_closed.
func (l *Loop) IsClosed() bool { return l.state.Load() == closed }

// ends tells that the loop is closed or about to be: nothing will run on it.
func (l *Loop) ends() bool { return l.state.Load() >= closing }

// Context returns a ctx that stands for the loop outside of any task: with it
// futures and tasks can be made before the loop runs.
func (l *Loop) Context() context.Context {
	l.escaped.Store(true)
	return l.rootContext()
}

func (l *Loop) rootContext() context.Context {
	return &callContext{contextBase: contextBase{loop: l, override: &l.root}}
}

// RunForever runs the loop until Stop. Its errors: the loop runs already
// ([ErrMisuse]) or is closed ([ErrLoopClosed]); nothing can ever happen any more
// (a [DeadlockError]; a loop in real time that other goroutines can reach waits
// for those instead). In all cases the loop can go on with a further call.
// If a task or callback called runtime.Goexit, RunForever does so too.
// See loop.run_forever.
func (l *Loop) RunForever() error {
	err := l.run()
	if l.exited {
		l.exited = false
		runtime.Goexit()
	}
	return err
}

func (l *Loop) run() error {
	if !l.state.CompareAndSwap(idle, running) {
		if l.ends() {
			return l.endedError("RunForever")
		}
		return misuse(ErrMisuse, "RunForever of %v, which runs already; a task that wants another's result awaits it", l)
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

// next takes the next entry; false if the loop is to leave.
func (l *Loop) next() (entry, bool) {
	for l.turnLeft == 0 {
		if !l.turn() {
			return nil, false
		}
	}
	l.turnLeft--
	if l.order != nil && l.ready.Len() > 1 {
		return l.nextInOrder(), true
	}
	return l.ready.Pop(), true
}

func (l *Loop) nextInOrder() entry {
	n := l.ready.Len()
	i := l.order(n)
	if i < 0 || i >= n {
		panic(misuse(ErrInvalidArgument, "the function given to SetOrder chose %d of %d; it must return 0 or more, and less than it was given", i, n))
	}
	return l.ready.Take(i)
}

// nextAtHand takes the next entry if it can be had without waiting and
// without a deep call: tasks call it on their own small stacks.
func (l *Loop) nextAtHand() (entry, bool) {
	if l.stepwise {
		return nil, false
	}
	if l.turnLeft == 0 {
		if l.stopping || l.ready.Len() == 0 || l.inbox.filled.Load() {
			return nil, false
		}
		if l.timers.Len() > 0 {
			if when, _ := l.timers.Min(); when <= l.driver.Now() {
				return nil, false
			}
		}
		l.turns++
		l.turnLeft = l.ready.Len()
	}
	l.turnLeft--
	return l.ready.Pop(), true
}

// turn begins a turn: it waits until something is ready, and fixes how much is
// run before it looks again. It returns false if the loop is to leave.
func (l *Loop) turn() bool {
	if l.stopping && !l.fresh || l.deadline != Never && l.driver.Now() >= l.deadline {
		return false
	}
	l.fresh = false
	l.takeInbox()
	l.dropCancelledTimers()
	if l.ready.Len() == 0 && !l.stopping && !l.park() {
		return false
	}
	for now := time.Duration(-1); l.timers.Len() > 0; {
		if now < 0 {
			now = l.driver.Now()
		}
		when, e := l.timers.Min()
		if when > now {
			break
		}
		l.timers.Pop()
		e.queued = false
		if e.cancelled {
			l.cancelledTimers--
			continue
		}
		l.ready.Push(e)
	}
	l.turns++
	l.turnLeft = l.ready.Len()
	return true
}

// park sleeps until something is due or comes in; false in a deadlock.
func (l *Loop) park() bool {
	until := Never
	if l.timers.Len() > 0 {
		until, _ = l.timers.Min()
		if until <= l.driver.Now() {
			return true
		}
	}
	outside := l.outside > 0 || until == Never && l.abandoned > 0 || l.waitsForCtx(until == Never)
	hopeless := until == Never && !outside && !l.wakeable && !l.escaped.Load() && !l.inbox.filled.Load()
	if until = min(until, l.deadline); until != Never {
		until = min(until, l.timeAfter(maxPark))
	}
	if hopeless || !l.driver.Park(until, outside) {
		l.deadlock = &DeadlockError{Waiting: l.describeAll()}
		return false
	}
	l.takeInbox()
	return true
}

// A waitUnder is an await under a ctx that may end by a deadline or a cancel of its own.
type waitUnder struct {
	ctx   context.Context
	ended bool // the await, by that
	over  bool // the await, for whatever reason
}

// waitsForCtx tells whether a loop that has nothing to do waits for the end of a ctx that somebody awaits under: because
// that has come and the word of it is on its way from another goroutine, or because there is nothing else to wait for. A
// virtual clock must not jump meanwhile. Otherwise such an end is no reason to stop it: it may never come.
func (l *Loop) waitsForCtx(nothingElse bool) bool {
	if nothingElse {
		return len(l.under) > 0
	}
	if _, real := l.driver.(*driver.Real); real {
		return false // it does not jump, and need not be asked to look at each of many
	}
	for w := range l.under {
		if w.ctx.Err() != nil {
			return true
		}
	}
	return false
}

func (l *Loop) takeInbox() {
	if l.inbox.filled.Load() {
		l.inbox.take(&l.ready)
	}
}

// cancelTimer marks a timer and frees the cancelled ones once they are the greater
// part of many. See _MIN_SCHEDULED_TIMER_HANDLES.
func (l *Loop) cancelTimer(e entry) {
	first := !e.cancelled
	e.cancelled = true
	if !first || !e.queued {
		return
	}
	l.cancelledTimers++
	if l.cancelledTimers > 100 && l.cancelledTimers > l.timers.Len()/2 {
		l.timers.Filter(func(e entry) bool {
			e.queued = !e.cancelled
			return e.queued
		})
		l.cancelledTimers = 0
	}
}

// dropCancelledTimers frees cancelled timers that come first: nothing is to wake for them.
func (l *Loop) dropCancelledTimers() {
	for l.cancelledTimers > 0 {
		_, e := l.timers.Min()
		if !e.cancelled {
			return
		}
		l.timers.Pop()
		e.queued = false
		l.cancelledTimers--
	}
}

// Close ends the loop. Calls that are still scheduled do not happen; tasks that have not
// ended are killed, in the order of their creation: each await returns
// [ErrLoopClosed] and their deferred calls run. Errors that nobody has read are
// reported. A second Close does nothing; a Close of a running loop is an error ([ErrMisuse]).
// See loop.close.
func (l *Loop) Close() error {
	if !l.state.CompareAndSwap(idle, closing) {
		if l.IsRunning() {
			return misuse(ErrMisuse, "Close of %v, which is running; call Stop, and Close when RunForever has returned", l)
		}
		return nil
	}
	l.slowPath = true
	for _, t := range l.all() {
		if t.future().state == pending { // or else it ended with one that awaited it
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
		_ = ex.Shutdown(atOnce) // what still runs has lost whoever would hear of it
	}
	l.reports.flush(l) // last, since the handler may end this goroutine, as t.Fatal does
	return nil
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
