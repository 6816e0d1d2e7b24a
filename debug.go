package asyncio

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"example.com/asyncio/internal/coro"
)

// defaultSlow is how long a step may take before debug mode reports it. See loop.slow_callback_duration.
const defaultSlow = 100 * time.Millisecond

// debugByEnvironment tells whether ASYNCIODEBUG asks for debug mode: it is set
// and not empty. See PYTHONASYNCIODEBUG.
func debugByEnvironment() bool { return os.Getenv("ASYNCIODEBUG") != "" }

// SetDebug turns debug mode on or off. It finds mistakes, and costs time: use
// of the loop from a goroutine that is not the loop's; steps that block the loop (see
// SetSlowCallback); cancellations that were swallowed; and all objects remember
// where they were made. See loop.set_debug.
func (l *Loop) SetDebug(on bool) {
	l.debug = on
	l.inbox.debug.Store(on)
	l.clock.step = nil
	l.here.Store(0) // whose goroutine this is, is known from the next step on
	l.updateStepwise()
	l.watch()
}

// Debug tells whether debug mode is on. See loop.get_debug.
func (l *Loop) Debug() bool { return l.debug }

// SetSlowCallback sets how long one step of a task or one callback may take
// before debug mode reports it; 0 means 100 ms, and less has each step reported. See loop.slow_callback_duration.
func (l *Loop) SetSlowCallback(d time.Duration) {
	if d == 0 {
		d = defaultSlow
	}
	l.slow = d
}

// A stepClock times the steps of a loop in debug mode. It asks the system's
// clock: in virtual time no step takes any.
type stepClock struct {
	began time.Time
	step  entry
	what  string
}

func (c *stepClock) begin(l *Loop, e entry) {
	c.began, c.step = time.Now(), e
	if e.kind != kindTask {
		c.what = e.handle().String() // afterwards it has forgotten its function
	} else {
		c.what = ""
	}
}

func (c *stepClock) end(l *Loop) {
	took := time.Since(c.began)
	if took >= l.slow {
		what := c.what
		if t := c.step.strand(); t != nil {
			what = t.of().describeShort()
		}
		l.report(&l.root, &ExceptionContext{
			Message: fmt.Sprintf("%s took %v, and nothing else could run meanwhile; give long work to ToThread", what, took.Round(time.Millisecond)),
		})
	}
	c.step = nil
}

// setHere notes which goroutine has control.
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

// isHere tells whether the caller runs on the loop's goroutine. Only debug mode can tell.
func (l *Loop) isHere() bool {
	h := l.here.Load()
	return h != 0 && h == goid()
}

// checkHere returns an error if debug mode can tell that the caller does not run on the loop's goroutine.
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

// goid returns the id of the goroutine, which the runtime tells only in the text of a stack.
func goid() uint64 {
	var buf [64]byte
	s := strings.TrimPrefix(string(buf[:runtime.Stack(buf[:], false)]), "goroutine ")
	id, _, _ := strings.Cut(s, " ")
	n, _ := strconv.ParseUint(id, 10, 64)
	return n
}

// packagePath is the import path of this package, as names of functions begin.
var packagePath = strings.TrimSuffix(funcName(codePointer(goid)), ".goid")

// codePointer returns where the code of a function value begins: a name for it,
// and all that can be compared of it.
func codePointer[F any](f F) uintptr {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&f))
	if p == nil {
		return 0
	}
	return *(*uintptr)(p)
}

// closurePointer returns the identity of a function value: two closures made
// by one func literal have one code and differ in this.
func closurePointer[F any](f F) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&f))
}

func funcName(pc uintptr) string {
	if f := runtime.FuncForPC(pc); f != nil {
		return f.Name()
	}
	return "?"
}

// funcPlace names a function and where it stands: main.fetch() at main.go:12.
func funcPlace(pc uintptr) string {
	if known, ok := funcTexts.Load(pc); ok {
		return known.(string)
	}
	f := runtime.FuncForPC(pc)
	if f == nil {
		return "?"
	}
	file, line := f.FileLine(f.Entry())
	place := fmt.Sprintf("%s() at %s:%d", path.Base(f.Name()), path.Base(file), line)
	funcTexts.Store(pc, place)
	return place
}

// funcPlaces keeps what funcPlace has found, for each function of the program that
// it was asked for: each job of an executor has a name, and it must not cost more than the job.
var funcTexts sync.Map
