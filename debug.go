package asyncio

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"example.com/asyncio/internal/coro"
)

// defaultSlow is the minimum duration of a step that debug mode reports. See
// loop.slow_callback_duration.
const defaultSlow = 100 * time.Millisecond

// debugByEnvironment reports whether ASYNCIODEBUG is set and not empty. See
// PYTHONASYNCIODEBUG.
func debugByEnvironment() bool { return os.Getenv("ASYNCIODEBUG") != "" }

// SetDebug turns debug mode on or off. Debug mode takes time and finds mistakes:
//
//   - uses of the loop from other goroutines than the loop's
//   - steps that block the loop: see [Loop.SetSlowCallback]
//   - cancellations that were swallowed
//
// Descriptions and reports of objects also show where these were created. See
// loop.set_debug.
func (l *Loop) SetDebug(on bool) {
	l.debug = on
	l.inbox.debug.Store(on)
	l.clock.step = nil
	l.here.Store(0) // the goroutine is known from the next step on
	l.updateFlags()
}

// Debug reports whether debug mode is on. See loop.get_debug.
func (l *Loop) Debug() bool { return l.debug }

// SetSlowCallback sets the minimum duration of the steps of tasks and callbacks that
// debug mode reports. 0 means 100 ms. With a negative d it reports each step. See
// loop.slow_callback_duration.
func (l *Loop) SetSlowCallback(d time.Duration) {
	if d == 0 {
		d = defaultSlow
	}
	l.slow = d
}

// A stepClock measures the steps of a loop in debug mode. It uses the system's clock: in
// virtual time steps take no time.
type stepClock struct {
	began time.Time // when the step began
	step  entry     // the entry that runs; nil: no step is being measured
	what  string    // the description of a Handle, which drops its function; "" for a task
}

func (c *stepClock) begin(e entry) {
	c.began, c.step, c.what = time.Now(), e, ""
	switch {
	case e.kind == kindRegistration:
		c.what = "<Handle " + e.callText() + ">"
	case e.kind != kindTask:
		c.what = e.handle().String()
	}
}

func (c *stepClock) end(l *Loop) {
	took := time.Since(c.began)
	if took >= l.slow {
		what := c.what
		if t := c.step.task(); t != nil {
			what = t.describeShort()
		}
		l.report(&l.root, &ExceptionContext{
			Message: fmt.Sprintf("%s took %v, and nothing else could run meanwhile; move long work to ToThread", what, took.Round(time.Millisecond)),
		})
	}
	c.step = nil
}

// setHere records that the goroutine of s has control.
func (l *Loop) setHere(s *coro.Stack) {
	if l.goids == nil {
		l.goids = map[*coro.Stack]uint64{}
	}
	id := l.goids[s]
	if id == 0 {
		id = goid()
		l.goids[s] = id
	}
	l.here.Store(id)
}

// isHere reports whether the caller runs on the loop's goroutine. Without debug mode it
// is always false.
func (l *Loop) isHere() bool {
	h := l.here.Load()
	return h != 0 && h == goid()
}

// checkHere returns an error if debug mode knows that the caller does not run on the
// loop's goroutine.
func (l *Loop) checkHere(act string) error {
	if h := l.here.Load(); h != 0 && h != goid() {
		return misuse(ErrMisuse, "%s from a goroutine that is not the loop's; use CallSoonThreadsafe or RunCoroutineThreadsafe there", act)
	}
	return nil
}

func (l *Loop) mustBeHere(act string) {
	if err := l.checkHere(act); err != nil {
		panic(err)
	}
}

// goid returns the id of the goroutine. The runtime gives it only in the text of a stack.
func goid() uint64 {
	var buf [64]byte
	s := strings.TrimPrefix(string(buf[:runtime.Stack(buf[:], false)]), "goroutine ")
	id, _, _ := strings.Cut(s, " ")
	n, _ := strconv.ParseUint(id, 10, 64)
	return n
}
