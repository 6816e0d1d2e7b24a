package asyncio

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"example.com/asyncio/inspect"
)

// None is the result of what has none.
type None = struct{}

// An Awaitable is what can be awaited: a [Future], a [Task], a [Coro].
type Awaitable[T any] interface {
	Await(ctx context.Context) (T, error)
}

// An AnyAwaitable is an [Awaitable] of whatever type: a future, a task, a [Coro].
type AnyAwaitable interface {
	// EnsureFuture returns its future, which is itself or a new task that awaits it.
	EnsureFuture(ctx context.Context) AnyFuture
}

// AnyFuture is a future or a task of whatever type. Its methods are those of [Future].
type AnyFuture interface {
	AnyAwaitable
	AnyAwait(ctx context.Context) (any, error)
	AnyResult() (any, error)
	Done() bool
	Cancelled() bool
	Cancel() bool
	CancelWith(message any) bool
	ID() uint64
	WaitReason() inspect.WaitReason
	CancelMessage() any
	Exception() error
	AddDoneCallback(fn func(ctx context.Context, f AnyFuture), opts ...CallOption)
	RemoveDoneCallback(fn func(ctx context.Context, f AnyFuture)) int
	Loop() *Loop
	String() string

	base() *futureBase
}

// A Future is a result that is not there yet. It is made by [NewFuture], and belongs to its loop: only what
// runs there may touch it; other goroutines go through [Loop.CallSoonThreadsafe].
// See asyncio.Future.
type Future[T any] struct {
	value T // first: after the rest a value of no size would cost a word
	futureBase
}

// A node is a Future or a Task as the loop knows it, or something in which a Future is embedded.
type futureNode interface {
	AnyFuture
	waitReason() inspect.WaitReason // why its awaiters are blocked
	public() AnyFuture              // the Future or the Task, which is what users know
	run()                           // runs the code of a Task to its end
}

// futureBase is a Future but for its value.
type futureBase struct {
	loop   *Loop
	self   futureNode // the Future or the Task that this is part of
	err    error      // why it failed, or the CancelledError
	waiter entry      // who waits, if it is one; or, if its kind is aMore, a futureMore
	seq    uint32     // of the loop's futures: the order of creation, of four milliards
	state  state
	isTask bool
	// The error of a task that ended cancelled is given once, to the first who asks;
	// the others get one of their own, without its message. So does CPython.
	giving giving
	// A task has awaited itself: nobody can await it then before it has ended. So it is
	// in CPython, whose mark of an await that is under way stays.
	selfAwaited bool
}

type giving uint8

const (
	toAll giving = iota
	once
	given
)

type state uint8

const (
	pending state = iota
	finished
	failed
	cancelled
)

// futureMore is what few futures have. It stands in the place of the waiter, which moves into it.
type futureExtra struct {
	head            // first: see entry
	waiter  entry   // the first
	waiters []entry // after the first, in order
	source  futureSource
	unread  *unread
	made    *origin       // in debug mode
	record  *taskRecord   // of a task: see Loop.SetRecord
	edges   []*futureBase // see FutureAddToAwaitedBy
}

// A futureSource is where the outcome of a future comes from, if that wants to
// hear of a cancel.
type futureSource interface {
	// cancel is the Cancel of the future, which is pending.
	cancel(by, message any) bool
	// deliver gives the future its outcome, if it is pending still.
	deliver()
}

// A FutureOption is given to [NewFuture]: [WithCancel].
type FutureOption interface{ applyFuture(*futureBase) }

type cancelFunc func(message any) bool

func (c cancelFunc) cancel(_, message any) bool { return c(message) }
func (c cancelFunc) deliver()                   {}
func (c cancelFunc) applyFuture(f *futureBase)  { f.extra().source = c }

// WithCancel has Cancel of the future, as long as it is pending, call fn instead
// of making it cancelled, and answer what fn does. A future made of others
// passes the request on in this way; Gather's does. A nil fn is a panic ([ErrInvalidArgument]). See Future.cancel, which asyncio overrides.
func WithCancel(fn func(message any) bool) FutureOption {
	if fn == nil {
		panic(misuse(ErrInvalidArgument, "WithCancel with a nil function; give it a func(message any) bool, or leave the option out"))
	}
	return cancelFunc(fn)
}

// NewFuture returns a pending future of ctx's loop. It panics where there is none ([ErrNoRunningLoop]). See loop.create_future.
func NewFuture[T any](ctx context.Context, opts ...FutureOption) *Future[T] {
	l := mustLoop(ctx, "NewFuture")
	if l.debug {
		l.mustBeHere("NewFuture")
	}
	f := &Future[T]{}
	f.init(l, f)
	for _, o := range opts {
		o.applyFuture(&f.futureBase)
	}
	return f
}

// InitFuture makes f, which is embedded in self, a pending future of ctx's loop: NewFuture for a type that says by its
// WaitReason what is waited for, and has all that it needs beside the future in the same allocation. It panics where
// there is no loop ([ErrNoRunningLoop]), and if f is not self's ([ErrInvalidArgument]).
func initFuture[T any](ctx context.Context, f *Future[T], self futureNode, opts ...FutureOption) {
	l := mustLoop(ctx, "InitFuture")
	if l.debug {
		l.mustBeHere("InitFuture")
	}
	if self.base() != &f.futureBase {
		panic(misuse(ErrInvalidArgument, "InitFuture with a future that is not embedded in the %T given", self))
	}
	f.init(l, self)
	for _, o := range opts {
		o.applyFuture(&f.futureBase)
	}
}

func (f *Future[T]) public() AnyFuture { return f }

func (*futureBase) run() { panic("a future has no code") }

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

// more returns the futureMore of f, nil if it has none.
func (f *futureBase) extraOrNil() *futureExtra {
	if f.waiter == nil || f.waiter.kind != kindFutureExtra {
		return nil
	}
	return (*futureExtra)(unsafe.Pointer(f.waiter))
}

// extra returns the futureMore of f, which has one from now on.
func (f *futureBase) extra() *futureExtra {
	m := f.extraOrNil()
	if m == nil {
		m = &futureExtra{}
		f.setExtra(m)
	}
	return m
}

// from returns where the outcome of f comes from, or nil.
func (f *futureBase) outcomeSource() futureSource {
	if m := f.extraOrNil(); m != nil && m.source != nil {
		return m.source
	}
	self, _ := f.self.(futureSource) // as the future of a job is
	return self
}

// setMore gives f its futureMore.
func (f *futureBase) setExtra(m *futureExtra) {
	m.kind, m.waiter = kindFutureExtra, f.waiter
	f.waiter = &m.head
}

func (f *futureBase) base() *futureBase { return f }

// ID returns the number of the future among the futures of its loop, in order of creation. A
// program that repeats the same actions, as in virtual time, repeats the IDs.
func (f *futureBase) ID() uint64 { return uint64(f.seq) }

// mustBeMade panics for a zero Future, which has no loop.
func (f *futureBase) mustBeMade(act string) {
	if f.loop == nil {
		panic(misuse(ErrMisuse, "%s of a zero Future, which belongs to no loop; make it with NewFuture", act))
	}
}

// Loop returns the loop to which f belongs. See Future.get_loop.
func (f *futureBase) Loop() *Loop {
	f.mustBeMade("Loop")
	f.loop.escaped.Store(true)
	return f.loop
}

// Done tells whether f has a result or an error or was cancelled. See Future.done.
func (f *futureBase) Done() bool { return f.state != pending }

// Cancelled tells whether f was cancelled. See Future.cancelled.
func (f *futureBase) Cancelled() bool { return f.state == cancelled }

// SetResult gives f its result, and has those who await it run soon. If f is done already it returns an error
// ([ErrInvalidState]) and changes nothing; so does that of a [Task] ([ErrMisuse]), whose function gives the
// outcome. See Future.set_result.
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

// SetException gives f an error for its outcome. It returns an error as [Future.SetResult] does, and
// for a nil err ([ErrInvalidArgument]). See Future.set_exception.
func (f *futureBase) SetException(err error) error {
	if err == nil {
		return misuse(ErrInvalidArgument, "SetException(nil) on %v; SetResult says that all went well", f.self)
	}
	if err := f.canFinish("SetException"); err != nil {
		return err
	}
	f.fail(err)
	return nil
}

// isOpen tells, at the price of a few looks, that canFinish has nothing to say.
func (f *futureBase) isOpen() bool {
	return f.state == pending && !f.isTask && f.loop != nil && !f.loop.slowPath
}

// canFinish tells why f cannot be given an outcome from outside.
func (f *futureBase) canFinish(act string) error {
	f.mustBeMade(act)
	if f.loop.debug {
		if err := f.loop.checkHere(act); err != nil {
			return err
		}
	}
	if f.isTask {
		return misuse(ErrMisuse, "%s on %v: a task gets its outcome from its function; make a Future for an outcome from outside", act, f.self)
	}
	if f.state != pending {
		return misuse(ErrInvalidState, "%s on %v", act, f.self)
	}
	return nil
}

// finish makes f done and has all who wait called, in the order in which they came.
func (f *futureBase) finish(s state, err error) {
	f.state = s
	if err != nil { // or else it is nil already, and to write a pointer is work for the collector
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
	m := f.extraOrNil()
	if m.waiter != nil {
		f.loop.ready.Push(m.waiter)
	}
	for _, e := range m.waiters {
		f.loop.ready.Push(e)
	}
	m.waiter, m.waiters = nil, nil
}

// fail makes f failed. Until somebody asks for the error it stands in the loop's reports.
func (f *futureBase) fail(err error) {
	f.finish(failed, err)
	u := &unread{err: err, what: "a future", seq: f.seq}
	if f.isTask {
		t := f.self.(interface {
			Name() string
			ContextVars() *ContextVars
		})
		u.what, u.in = "task "+t.Name(), *t.ContextVars()
	}
	u.source = f.source()
	f.extra().unread = u
	l := f.loop
	l.reports.add(u)
	u.cleanup = runtime.AddCleanup(f, func(u *unread) {
		l.inbox.put(&l.outsideHandle(func(context.Context) { l.reports.report(l, u) }).head)
	}, u)
}

// source is where f was made, as far as it is known.
func (f *futureBase) source() string {
	if m := f.extraOrNil(); m != nil && m.made != nil {
		return m.made.text()
	}
	if s, ok := f.self.(interface{ function() string }); ok {
		return s.function()
	}
	return ""
}

// read notes that somebody has seen f's error.
func (f *futureBase) read() {
	if m := f.extraOrNil(); m != nil && m.unread != nil {
		f.loop.reports.remove(m.unread)
		m.unread.cleanup.Stop()
		m.unread = nil
	}
}

// outcome returns the error of f, which is done.
func (f *futureBase) outcome() error {
	switch f.state {
	case finished:
		return nil
	case failed:
		f.read()
	case cancelled:
		if f.giving == given {
			return &CancelledError{Cause: f.err}
		}
		if f.giving == once {
			f.giving = given
		}
	}
	return f.err
}

// Result returns f's result or its error; a [CancelledError] if it was
// cancelled, [ErrInvalidState] if it is not done. See Future.result.
func (f *Future[T]) Result() (T, error) {
	if f.state == pending {
		var zero T
		return zero, misuse(ErrInvalidState, "Result of %v; await it", f.self)
	}
	return f.value, f.outcome()
}

// AnyResult is [Future.Result] for those who do not know the type.
func (f *Future[T]) AnyResult() (any, error) { return f.Result() }

// EnsureFuture returns f, or the task that f is the future of. It panics ([ErrWrongLoop]) if ctx is of another loop than f. See asyncio.ensure_future.
func (f *futureBase) EnsureFuture(ctx context.Context) AnyFuture {
	f.mustBeOf(ctx)
	return f.self.public()
}

func (f *futureBase) mustBeOf(ctx context.Context) {
	if l := mustLoop(ctx, "EnsureFuture"); l != f.loop {
		panic(misuse(ErrWrongLoop, "EnsureFuture of %v on %v", f.self, l))
	}
}

// Exception returns f's error, nil if it has a result; a [CancelledError] if it
// was cancelled, [ErrInvalidState] if it is not done. See Future.exception.
func (f *futureBase) Exception() error {
	if f.state == pending {
		return misuse(ErrInvalidState, "Exception of %v; await it", f.self)
	}
	return f.outcome()
}

// Cancel makes f cancelled, with an optional message, and has its awaiters get
// a [CancelledError]. It returns false, and does nothing, if f is done. See Future.cancel.
//
// A [Task] it asks to cancel, and returns at once. The future that the task awaits is cancelled in its turn, or else
// the next await of the task fails, with the CancelledError, once. The task ends cancelled if it
// returns that error, or one that wraps it; it may clean up before, and await meanwhile. If it has not begun it never does.
// Its ctx is done from now on. Each call counts: see [Task.Cancelling]. See Task.cancel.
func (f *futureBase) Cancel() bool { return f.CancelWith(nil) }

// CancelWith is [Future.Cancel] with a message, which the CancelledError carries.
func (f *futureBase) CancelWith(message any) bool {
	f.mustBeMade("Cancel")
	if f.loop.debug {
		f.loop.mustBeHere("Cancel")
	}
	return f.cancel(f.loop.cancelOrigin(f.loop.canceller()), message)
}

// CancelBy is Cancel of f in the name of by, which is what [CancelledError.By] then tells: its Name, or as it prints.
// A block that cancels what it has started says so in this way.
func cancelBy(by any, f AnyFuture, message any) bool {
	b := f.base()
	b.mustBeMade("CancelBy")
	if b.loop.debug {
		b.loop.mustBeHere("CancelBy")
	}
	return b.cancel(b.loop.cancelOrigin(by), message)
}

func (f *futureBase) cancel(by, message any) bool {
	if f.state != pending {
		f.read()
		return false
	}
	if f.isTask {
		return f.self.(interface{ requestCancel(by, message any) bool }).requestCancel(by, message)
	}
	if source := f.outcomeSource(); source != nil {
		l := f.loop
		above := l.onBehalfOf
		l.onBehalfOf = by // who cancels others now does so for that one
		defer func() { l.onBehalfOf = above }()
		return source.cancel(by, message)
	}
	f.finish(cancelled, newCancelledError(by, message))
	return true
}

// CancelMessage returns the message of the last request to cancel f that f itself took, nil if there was
// none or it was passed on. Unlike Exception it leaves a task's CancelledError to
// the first who asks. See Future._cancel_message.
func (f *futureBase) CancelMessage() any {
	switch {
	case f.giving != toAll:
	case f.isTask:
		return f.self.(AnyTask).task().request.ownMessage()
	case f.state == cancelled:
		if e, ok := f.err.(*CancelledError); ok {
			return e.Message
		}
	}
	return nil
}

func newCancelledError(by, message any) *CancelledError {
	return &CancelledError{by: by, Message: message}
}

// took returns the message of the last request that a task took itself, of which e is the last at all.
func (e *CancelledError) ownMessage() any {
	switch {
	case e == nil:
		return nil
	case !e.forwarded:
		return e.Message
	}
	if a, ok := e.by.(*cancelOrigin); ok {
		return a.ownMessage
	}
	return nil
}

// An asking is who asked for a cancel, and what else is to be told of that.
type cancelOrigin struct {
	by   any
	via  []AnyFuture // the tasks by whose awaits it came, the one that was asked first
	site *origin     // where, if places are noted
	// Of a request that a task has passed on: the message of the last that it took itself.
	ownMessage any
}

func (a *cancelOrigin) askedBy() any { return a.by }

func (a *cancelOrigin) through() (names []string) {
	for _, f := range a.via {
		names = append(names, nameOf(f))
	}
	return names
}

func (a *cancelOrigin) place() string { return strings.TrimPrefix(a.site.where(), " made at ") }

// asks returns by, as who asks for a cancel here and now.
func (l *Loop) cancelOrigin(by any) any {
	if !l.debug && l.record&inspect.RecordPlaces == 0 {
		return by
	}
	a := cancelOrigin{by: by, site: callers()}
	if of, ok := by.(*cancelOrigin); ok { // one that is passed on
		a.by, a.via, a.site = of.by, of.via, cmp.Or(of.site, a.site)
	}
	return &a
}

// asker returns in whose name the code that runs asks for a cancel: that of the task, or nil; or the name of the one
// whose request it passes on.
func (l *Loop) canceller() any {
	if l.onBehalfOf != nil {
		return l.onBehalfOf
	}
	if l.current == nil {
		return nil
	}
	return l.current.future().self
}

// String describes f: its state, its result or error, who waits. See Future.__repr__.
func (f *Future[T]) String() string {
	return f.describeAs("Future", func() string { return "" }, func() any { return f.value })
}

func (f *futureBase) describeAs(kind string, details func() string, value func() any) string {
	// A result may hold the future, and tasks may wait in a circle.
	l := f.loop
	if l == nil {
		return "<" + kind + " of no loop>"
	}
	if slices.Contains(l.printing, any(f)) {
		return "<" + kind + " ...>"
	}
	l.printing = append(l.printing, f)
	defer func() { l.printing = l.printing[:len(l.printing)-1] }()
	var b strings.Builder
	b.WriteString("<" + kind)
	switch f.state {
	case pending:
		state := " pending"
		if t, ok := f.self.(interface{ Cancelling() int }); ok && t.Cancelling() > 0 {
			state = " cancelling"
		}
		b.WriteString(state + details())
		f.describeCallbacks(&b)
	case finished:
		fmt.Fprintf(&b, " finished%s result=%v", details(), value())
	case failed:
		first, _, _ := strings.Cut(fmt.Sprint(f.err), "\n") // behind it come the stack of a panic, the parts of a GroupError
		fmt.Fprintf(&b, " finished%s error=%q", details(), first)
	case cancelled:
		b.WriteString(" cancelled" + details())
	}
	if m := f.extraOrNil(); m != nil {
		b.WriteString(m.made.where())
	}
	b.WriteString(">")
	return b.String()
}
