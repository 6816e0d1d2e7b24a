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

// A240, A241: Handle.Cancel prevents the call until the callback runs. It may be called
// repeatedly, and after the call.
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
		t.Errorf("Cancelled returned %v, %v, %v; want true, true, false", soon.Cancelled(), later.Cancelled(), due.Cancelled())
	}
	// Both calls are ready at once, and the first cancels the second.
	var second *asyncio.TimerHandle
	l.CallAt(3*time.Second, func(context.Context) { log.Add("first of two"); second.Cancel() })
	second = l.CallAt(3*time.Second, log.Adds("second of two"))
	if err := sleepOn(l, 4*time.Second); err != nil {
		t.Error(err)
	}
	log.Want(t, "due", "first of two")
	if due.Cancelled() {
		t.Error("Cancelled returned true after the call; want false")
	}
	due.Cancel()
	if !due.Cancelled() {
		t.Error("Cancelled returned false after a late Cancel; want true")
	}
}

// A240: a Handle that was cancelled or called releases its function, even if the Handle
// is still referenced.
func TestHandleReleasesItsFunction(t *testing.T) {
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
		t.Errorf("%d functions were freed; want 3, because one call is pending", n)
	}
	for _, h := range []any{called, soon, timer, waits} {
		runtime.KeepAlive(h)
	}
}

// A242: When returns the time of the call on the clock of Loop.Time.
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
			t.Errorf("When returned %v; want %v", got, test.want)
		}
		test.h.Cancel()
		if got := test.h.When(); got != test.want {
			t.Errorf("When returned %v after Cancel; want %v", got, test.want)
		}
	}
}

// A243: timers compare by When. Handles are equal only if they are identical, and can be
// map keys.
func TestTimerHandlesCompare(t *testing.T) {
	l := newLoop(t)
	a, b := l.CallAt(time.Second, idle), l.CallAt(time.Second, idle)
	later := l.CallAt(2*time.Second, idle)
	if a == b || a.When() != b.When() || a.When() >= later.When() {
		t.Errorf("%v, %v and %v compare wrongly", a, b, later)
	}
	set := map[*asyncio.TimerHandle]bool{a: true}
	if !set[a] || set[b] {
		t.Error("two handles are the same map key")
	}
}

// A342: a handle's text form shows its function and whether it was cancelled.
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

// A342: in debug mode, a handle's text form also shows where the handle was created, and
// keeps its function after a cancel or the call.
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
	for i, line := range log.Lines { // remove the directory
		at := strings.Index(line, "made at ") + len("made at ")
		log.Lines[i] = line[:at] + line[strings.LastIndex(line, "/")+1:]
	}
	log.Want(t,
		"<Handle asyncio_test.idle() at handle_test.go:N made at handle_test.go:N>",
		"<Handle asyncio_test.idle() at handle_test.go:N made at handle_test.go:N>",
		"<TimerHandle when=2m3s cancelled asyncio_test.idle() at handle_test.go:N made at handle_test.go:N>",
	)
}

// Func returns the text form of the function until the call, and "called" after it.
func TestHandleFunc(t *testing.T) {
	l := newLoop(t)
	h := l.CallSoon(idle)
	if got := h.Func(); !strings.HasPrefix(got, "asyncio_test.idle() at handle_test.go:") {
		t.Errorf("Func returned %q", got)
	}
	if err := sleepOn(l, time.Second); err != nil {
		t.Error(err)
	}
	if got := h.Func(); got != "called" {
		t.Errorf("Func returned %q after the call; want %q", got, "called")
	}
}
