package asyncio_test

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asyncio"
)

func idle(context.Context)                        {}
func idleDone(context.Context, asyncio.AnyFuture) {}

// A240, A241: Cancel of a Handle makes sure that the call does not happen, however late it comes, and
// may be called twice, and after the call.
func TestHandleCancel(t *testing.T) {
	var log record
	l := newLoop(t)
	soon := l.CallSoon(log.Adds("soon"))
	later := l.CallLater(time.Second, log.Adds("later"))
	due := l.CallLater(2*time.Second, log.Adds("due"))
	for range 2 {
		soon.Cancel()
		later.Cancel()
	}
	if !soon.Cancelled() || !later.Cancelled() || due.Cancelled() {
		t.Error("Cancelled tells something else")
	}
	// Two that are ready at once: the first cancels the second.
	var second *asyncio.TimerHandle
	l.CallAt(3*time.Second, func(context.Context) { log.Add("first of two"); second.Cancel() })
	second = l.CallAt(3*time.Second, log.Adds("second of two"))
	if err := sleepOn(l, 4*time.Second); err != nil {
		t.Error(err)
	}
	log.Want(t, "due", "first of two")
	if due.Cancelled() {
		t.Error("a call that was made is cancelled")
	}
	due.Cancel()
	if !due.Cancelled() {
		t.Error("it was not cancelled afterwards")
	}
}

// A240: a Handle that was cancelled, or called, holds nothing of what it was for, though somebody holds it.
func TestHandleHoldsNothing(t *testing.T) {
	l := newLoop(t)
	var freed atomic.Int32
	capturing := func() func(context.Context) {
		big := new([1 << 16]byte)
		runtime.AddCleanup(big, func(int) { freed.Add(1) }, 0)
		return func(context.Context) { big[0] = 1 }
	}
	called, soon := l.CallSoon(capturing()), l.CallSoon(capturing())
	timer, waits := l.CallLater(time.Hour, capturing()), l.CallLater(time.Hour, capturing())
	soon.Cancel()
	timer.Cancel()
	l.Stop()
	runForever(t, l)
	for end := time.Now().Add(10 * time.Second); freed.Load() < 3 && time.Now().Before(end); runtime.Gosched() {
		runtime.GC()
	}
	if n := freed.Load(); n != 3 {
		t.Errorf("%d of the 3 were freed that are not called any more; one waits", n)
	}
	for _, h := range []any{called, soon, timer, waits} {
		runtime.KeepAlive(h)
	}
}

// A242: When tells the time of the call, as Loop.Time counts.
func TestTimerHandleWhen(t *testing.T) {
	l := newLoop(t)
	if err := sleepOn(l, time.Minute); err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		h    *asyncio.TimerHandle
		want time.Duration
	}{
		{l.CallAt(time.Hour, idle), time.Hour},
		{l.CallAt(-time.Hour, idle), -time.Hour},
		{l.CallLater(time.Hour, idle), time.Minute + time.Hour},
		{l.CallLater(-time.Hour, idle), time.Minute - time.Hour},
	} {
		if got := test.h.When(); got != test.want {
			t.Errorf("When is %v, wanted %v", got, test.want)
		}
		test.h.Cancel()
		if got := test.h.When(); got != test.want {
			t.Errorf("when it is cancelled When is %v, wanted %v", got, test.want)
		}
	}
}

// A243: two timers compare by When. They are the same if they are one: Go has no operators to
// define, and a handle can be a key of a map.
func TestTimerHandlesCompare(t *testing.T) {
	l := newLoop(t)
	a, b := l.CallAt(time.Second, idle), l.CallAt(time.Second, idle)
	later := l.CallAt(2*time.Second, idle)
	if a == b || a.When() != b.When() || a.When() >= later.When() {
		t.Errorf("%v, %v and %v do not compare as they should", a, b, later)
	}
	set := map[*asyncio.TimerHandle]bool{a: true}
	if !set[a] || set[b] {
		t.Error("a handle is no good key")
	}
}

// A342: a handle prints what it will call, and whether it was cancelled.
func TestHandleString(t *testing.T) {
	var log record
	l := newLoop(t)
	f := asyncio.NewFuture[int](l.Context())
	soon, timer := l.CallSoon(idle), l.CallAt(123*time.Second, idle)
	outside, _ := l.CallSoonThreadsafe(idle)
	log.Add("%v", soon)
	log.Add("%v", timer)
	log.Add("%v", outside)
	f.AddDoneCallback(idleDone)
	log.Add("%v", f)
	l.Stop()
	runForever(t, l)
	log.Add("%v", soon)
	outside.Cancel()
	timer.Cancel()
	log.Add("%v", outside)
	log.Add("%v", timer)
	log.WithoutLineNumbers()
	log.Want(t,
		"<Handle asyncio_test.idle() at handle_test.go:N>",
		"<TimerHandle when=2m3s asyncio_test.idle() at handle_test.go:N>",
		"<Handle asyncio_test.idle() at handle_test.go:N>",
		"<Future pending cb=[asyncio_test.idleDone() at handle_test.go:N]>",
		"<Handle called>",
		"<Handle cancelled>",
		"<TimerHandle when=2m3s cancelled>",
	)
}

// A342: in debug mode it also prints where it was made, whoever made it, and still knows what
// it was for when it was cancelled or called.
func TestHandleStringInDebugMode(t *testing.T) {
	var log record
	l := newLoop(t)
	l.SetDebug(true)
	soon, timer := l.CallSoon(idle), l.CallAt(123*time.Second, idle)
	outside, _ := l.CallSoonThreadsafe(idle)
	timer.Cancel()
	timer.Cancel()
	l.Stop()
	runForever(t, l)
	for _, h := range []any{soon, outside, timer} {
		log.Add("%v", h)
	}
	log.WithoutLineNumbers()
	for i, line := range log.Lines { // without the directory, which is different for all
		at := strings.Index(line, "made at ") + len("made at ")
		log.Lines[i] = line[:at] + line[strings.LastIndex(line, "/")+1:]
	}
	log.Want(t,
		"<Handle asyncio_test.idle() at handle_test.go:N made at handle_test.go:N>",
		"<Handle asyncio_test.idle() at handle_test.go:N made at handle_test.go:N>",
		"<TimerHandle when=2m3s cancelled asyncio_test.idle() at handle_test.go:N made at handle_test.go:N>",
	)
}

// Func names what is called, as long as that is to come.
func TestHandleFunc(t *testing.T) {
	l := newLoop(t)
	h := l.CallSoon(idle)
	if got := h.Func(); !strings.HasPrefix(got, "asyncio_test.idle() at handle_test.go:") {
		t.Errorf("it is %q", got)
	}
	if err := sleepOn(l, time.Second); err != nil {
		t.Error(err)
	}
	if got := h.Func(); got != "called" {
		t.Errorf("once it is called, it is %q", got)
	}
}
