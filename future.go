package asyncio

import (
	"context"
	"runtime"
	"time"

	"example.com/asyncio/inspect"
)

// None is the result type of a task without a result.
type None = struct{}

// An Awaitable can be awaited: a [Future], a [Task], a [Coro].
type Awaitable[T any] interface {
	Await(ctx context.Context) (T, error)
}

// An AnyAwaitable is an [Awaitable] of any type: a future, a task, a [Coro].
type AnyAwaitable interface {
	// EnsureFuture returns the awaitable's future: itself, or a new task that awaits it.
	EnsureFuture(ctx context.Context) AnyFuture
}

// AnyFuture is a [Future] or [Task] of any type.
type AnyFuture interface {
	AnyAwaitable
	AnyAwait(ctx context.Context) (any, error)
	AnyResult() (any, error)
	Done() bool
	Cancelled() bool
	Cancel() bool
	CancelWith(message any) bool
	CancelMessage() any
	Exception() error
	AddDoneCallback(fn func(ctx context.Context, f AnyFuture), opts ...CallOption)
	RemoveDoneCallback(fn func(ctx context.Context, f AnyFuture)) int
	Loop() *Loop
	ID() uint64
	WaitReason() inspect.WaitReason
	String() string

	base() *futureBase
	task() *taskBase
}

// A Future is an outcome that may not exist yet. [NewFuture] creates it. It belongs to
// its loop: only code that runs there may use it. Other goroutines use
// [Loop.CallSoonThreadsafe]. See asyncio.Future.
type Future[T any] struct {
	value T // first: a value without size would take a word at the end
	futureBase
}

// A waitReasoner reports why tasks that wait for it are blocked: a future, or a block
// such as a timeout. A type with an embedded [Future] overrides the method of futureBase.
type waitReasoner interface {
	waitReason() inspect.WaitReason
}

// A futureNode is a Future, a Task, or a type with an embedded Future, as the loop sees
// it.
type futureNode interface {
	AnyFuture
	waitReasoner
	public() AnyFuture // the Future or Task itself, which users know
	run()              // runs the function of a Task
}

// futureBase is the part of a Future that does not depend on T.
type futureBase struct {
	loop   *Loop      // nil: a zero Future
	self   futureNode // the Future, the Task or the embedding type
	err    error      // of a failed or cancelled future; nil otherwise
	waiter entry      // nil, the only waiter, or the futureExtra: see extraOrNil
	seq    uint32     // the number among the loop's futures, from 1, in order of creation; wraps after 2^32
	state  state
	isTask bool // it is the future of a Task
	reader errReader
	// selfAwaited means that this task has awaited itself. From then until it ends, each
	// await of it fails. This is CPython's behaviour: there the mark of an await that is
	// under way remains.
	selfAwaited bool
}

// An errReader says which readers of a cancelled future receive futureBase.err itself. Of
// a task that ended with a CancelledError, it is the first reader. The others receive a
// CancelledError of their own, with err as its Cause and without the message, as in
// CPython.
type errReader uint8

const (
	anyReader   errReader = iota // all readers: any other future
	firstReader                  // the next reader
	laterReader                  // none: the first reader has received it
)

// A state says whether a future is done, and how.
type state uint8

const (
	pending  state = iota // not done
	finished              // has a result
	failed                // has an error
	cancelled
)

// A futureExtra has what only few futures have: more than one waiter, and the fields
// below. It takes the place of the waiter, which moves into it.
type futureExtra struct {
	head                  // first: see layout.go
	waiter  entry         // the first waiter; nil: none
	waiters []entry       // the others, in order
	source  futureSource  // from WithCancel; nil: none, or self is one
	unread  *unread       // set if the future fails; nil once its error was read
	made    *origin       // where the future was created; nil unless debug mode, or for a task RecordPlaces, was on
	record  *taskRecord   // of a task: see Loop.SetRecord; nil: nothing was recorded
	edges   []*futureBase // the awaiters that AddAwaiter added
}

// A taskRecord is what a loop records about a task for snapshots. Times are loop time.
type taskRecord struct {
	parent  uint32        // futureBase.seq of the task that created it; 0: none
	created time.Duration // when it was created; only with RecordPlaces
	steps   uint64        // the number of its steps; this and the rest only with RecordSteps
	ran     time.Duration // how long its steps took in total, without the current one
	since   time.Duration // when the current step began; if none is under way, when the last one ended
}

// A futureSource provides the outcome of a future and decides about a cancel: the
// function of WithCancel, or a future that is done by a job.
type futureSource interface {
	// cancel is called instead of cancelling the future, which is pending. It reports
	// whether the request is accepted.
	cancel(by, message any) bool
	// deliver gives the future its outcome, if it is pending. Loop.completions calls it.
	deliver()
}

// A FutureOption is an option of [NewFuture]: [WithCancel].
type FutureOption interface{ applyFuture(*futureBase) }

// NewFuture returns a pending future of ctx's loop. It panics without a loop
// ([ErrNoRunningLoop]). See loop.create_future.
func NewFuture[T any](ctx context.Context, opts ...FutureOption) *Future[T] {
	l := loopForFuture(ctx, "NewFuture")
	f := &Future[T]{}
	f.init(l, f)
	for _, o := range opts {
		o.applyFuture(&f.futureBase)
	}
	return f
}

// initFuture makes f, which is embedded in self, a pending future of ctx's loop. The type
// of self reports a wait reason of its own, and has the fields that it needs in the same
// allocation.
func initFuture[T any](ctx context.Context, f *Future[T], self futureNode, opts ...FutureOption) {
	l := loopForFuture(ctx, "initFuture")
	if self.base() != &f.futureBase {
		panic(misuse(ErrInvalidArgument, "initFuture with a future that is not embedded in the %T given", self))
	}
	f.init(l, self)
	for _, o := range opts {
		o.applyFuture(&f.futureBase)
	}
}

// loopForFuture returns the loop of a new future.
func loopForFuture(ctx context.Context, act string) *Loop {
	l := mustLoop(ctx, act)
	if l.debug {
		l.mustBeHere(act)
	}
	return l
}

func (f *futureBase) init(l *Loop, self futureNode) {
	f.loop, f.self = l, self
	l.futures++
	f.seq = uint32(l.futures)
	if l.debug {
		f.noteMade()
	}
}

//go:noinline
func (f *futureBase) noteMade() { f.extra().made = callers() }

func (f *Future[T]) public() AnyFuture { return f }

func (*futureBase) run() { panic("a future has no code") }

func (f *futureBase) base() *futureBase { return f }

// task returns the task whose future f is; nil if f is no task's.
func (*futureBase) task() *taskBase { return nil }

// ID returns the number of the future among the futures of its loop, in order of
// creation. A program that repeats the same actions, as in virtual time, repeats the IDs.
func (f *futureBase) ID() uint64 { return uint64(f.seq) }

// extra returns the futureExtra of f, which it creates if necessary.
func (f *futureBase) extra() *futureExtra {
	x := f.extraOrNil()
	if x == nil {
		x = &futureExtra{}
		f.setExtra(x)
	}
	return x
}

// setExtra gives f its futureExtra.
func (f *futureBase) setExtra(x *futureExtra) {
	x.kind, x.waiter = kindFutureExtra, f.waiter
	f.waiter = &x.head
}

// outcomeSource returns the futureSource of f; nil if it has none.
func (f *futureBase) outcomeSource() futureSource {
	if x := f.extraOrNil(); x != nil && x.source != nil {
		return x.source
	}
	source, _ := f.self.(futureSource) // the future of a job is its own source
	return source
}

// mustBeMade panics for a zero Future or Task, which has no loop.
func (f *futureBase) mustBeMade(act string) {
	if f.loop == nil {
		panic(misuse(ErrMisuse, "%s of a zero Future or Task, which belongs to no loop; make it with NewFuture or CreateTask", act))
	}
}

// Loop returns the loop to which f belongs. See Future.get_loop.
func (f *futureBase) Loop() *Loop {
	f.mustBeMade("Loop")
	f.loop.escaped.Store(true)
	return f.loop
}

// Done reports whether f has a result or an error or was cancelled. See Future.done.
func (f *futureBase) Done() bool { return f.state != pending }

// Cancelled reports whether f was cancelled. See Future.cancelled.
func (f *futureBase) Cancelled() bool { return f.state == cancelled }

// SetResult gives f its result and wakes its awaiters.
//
//   - If f is done, it returns [ErrInvalidState] and changes nothing.
//   - On a [Task] it returns [ErrMisuse]: the outcome of a task is that of its function.
//
// See Future.set_result.
func (f *Future[T]) SetResult(value T) error {
	if !f.isOpen() {
		if err := f.canFinish("SetResult"); err != nil {
			return err
		}
	}
	f.value = value
	f.finish(finished, nil)
	return nil
}

// SetException gives f an error as its outcome. It returns errors as [Future.SetResult]
// does, and [ErrInvalidArgument] for a nil err. See Future.set_exception.
func (f *futureBase) SetException(err error) error {
	if err == nil {
		return misuse(ErrInvalidArgument, "SetException(nil) on %v; use SetResult for success", f.self)
	}
	if err := f.canFinish("SetException"); err != nil {
		return err
	}
	f.fail(err)
	return nil
}

// isOpen reports, with few comparisons, that canFinish would return nil.
func (f *futureBase) isOpen() bool {
	return f.state == pending && !f.isTask && f.loop != nil && !f.loop.slowPath
}

// canFinish returns the reason why f cannot be given an outcome from outside; nil if it
// can.
func (f *futureBase) canFinish(act string) error {
	f.mustBeMade(act)
	if f.loop.debug {
		if err := f.loop.checkHere(act); err != nil {
			return err
		}
	}
	if f.isTask {
		return misuse(ErrMisuse, "%s on %v: a task gets its outcome from its function; use a Future for an outcome from outside", act, f.self)
	}
	if f.state != pending {
		return misuse(ErrInvalidState, "%s on %v", act, f.self)
	}
	return nil
}

// finish makes f done and moves its waiters to the ready queue in order.
func (f *futureBase) finish(s state, err error) {
	f.state = s
	if err != nil { // f.err is nil already, and writing a pointer has a cost
		f.err = err
	}
	switch w := f.waiter; {
	case w == nil:
	case w.kind == kindFutureExtra:
		f.wakeAll()
	default:
		f.loop.ready.Push(w)
		f.waiter = nil
	}
}

func (f *futureBase) wakeAll() {
	x := f.extraOrNil()
	if x.waiter != nil {
		f.loop.ready.Push(x.waiter)
	}
	for _, e := range x.waiters {
		f.loop.ready.Push(e)
	}
	x.waiter, x.waiters = nil, nil
}

// fail makes f failed. The error is in Loop.unread until it is read or reported.
func (f *futureBase) fail(err error) {
	f.finish(failed, err)
	u := &unread{err: err, what: "a future", seq: f.seq}
	if t := f.self.task(); t != nil {
		u.what, u.vars = "task "+t.Name(), *t.ContextVars()
	}
	u.madeAt = f.madeAt()
	f.extra().unread = u
	l := f.loop
	l.unread.add(u)
	u.cleanup = runtime.AddCleanup(f, func(u *unread) {
		l.inbox.put(&l.outsideHandle(func(context.Context) { l.unread.report(l, u) }).head)
	}, u)
}

// madeAt describes where f was created: the stack if it was recorded, or else the
// function of a task; "" if neither is known.
func (f *futureBase) madeAt() string {
	if x := f.extraOrNil(); x != nil && x.made != nil {
		return x.made.text()
	}
	if t := f.self.task(); t != nil {
		return t.function()
	}
	return ""
}

// read records that f's error was read.
func (f *futureBase) read() {
	if x := f.extraOrNil(); x != nil && x.unread != nil {
		f.loop.unread.remove(x.unread)
		x.unread.cleanup.Stop()
		x.unread = nil
	}
}

// outcome returns the error of f, which is done, to one reader. It counts as read.
func (f *futureBase) outcome() error {
	switch f.state {
	case finished:
		return nil
	case failed:
		f.read()
	case cancelled:
		switch f.reader {
		case firstReader:
			f.reader = laterReader
		case laterReader:
			return &CancelledError{Cause: f.err}
		}
	}
	return f.err
}

// Result returns f's result or its error: a [CancelledError] if f was cancelled,
// [ErrInvalidState] if f is not done. See Future.result.
func (f *Future[T]) Result() (T, error) {
	if f.state == pending {
		var zero T
		return zero, misuse(ErrInvalidState, "Result of %v; await it", f.self)
	}
	return f.value, f.outcome()
}

// AnyResult is [Future.Result] for callers that do not know the type.
func (f *Future[T]) AnyResult() (any, error) { return f.Result() }

// EnsureFuture returns f, or the task whose future f is. It panics if ctx belongs to
// another loop than f ([ErrWrongLoop]). See asyncio.ensure_future.
func (f *futureBase) EnsureFuture(ctx context.Context) AnyFuture {
	f.mustBeOf(ctx)
	return f.self.public()
}

func (f *futureBase) mustBeOf(ctx context.Context) {
	f.mustBeMade("EnsureFuture")
	if l := mustLoop(ctx, "EnsureFuture"); l != f.loop {
		panic(misuse(ErrWrongLoop, "EnsureFuture of %v on %v", f.self, l))
	}
}

// Exception returns f's error: nil if f has a result, a [CancelledError] if f was
// cancelled, [ErrInvalidState] if f is not done. See Future.exception.
func (f *futureBase) Exception() error {
	if f.state == pending {
		return misuse(ErrInvalidState, "Exception of %v; await it", f.self)
	}
	return f.outcome()
}
