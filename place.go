package asyncio

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"example.com/asyncio/inspect"
)

// packagePath is the import path of this package. The names of its functions begin with
// it.
var packagePath = strings.TrimSuffix(funcName(codePointer(funcText)), ".funcText")

// A funcInfo is the name and position of a function.
type funcInfo struct {
	inspect.Frame
	text string // main.fetch() at main.go:12
}

// funcInfos caches the funcInfo of each code pointer: jobs and handles are named often.
var funcInfos sync.Map

func funcInfoOf(pc uintptr) *funcInfo {
	if known, ok := funcInfos.Load(pc); ok {
		return known.(*funcInfo)
	}
	info := &funcInfo{Frame: inspect.Frame{Func: "?"}, text: "?"}
	if f := runtime.FuncForPC(pc); f != nil {
		info.Func = path.Base(f.Name())
		info.File, info.Line = f.FileLine(f.Entry())
		info.text = fmt.Sprintf("%s() at %s:%d", info.Func, path.Base(info.File), info.Line)
	}
	known, _ := funcInfos.LoadOrStore(pc, info)
	return known.(*funcInfo)
}

// funcText names the function at pc and its position: main.fetch() at main.go:12.
func funcText(pc uintptr) string { return funcInfoOf(pc).text }

// funcName returns the full name of the function at pc.
func funcName(pc uintptr) string {
	if f := runtime.FuncForPC(pc); f != nil {
		return f.Name()
	}
	return "?"
}

// An origin is the position where something was created, as debug mode and RecordPlaces
// record it.
type origin struct {
	stack []uintptr // at most ten frames, without those of this package on top
	label string    // the function of a Handle that has dropped it
}

// callers returns the calls of the running goroutine from the innermost one outside of
// this package on. It is empty in a callback that the loop makes for itself.
func callers() *origin {
	var pcs [32]uintptr
	frames := pcs[:runtime.Callers(2, pcs[:])]
	i := slices.IndexFunc(frames, func(pc uintptr) bool { return !isOurs(funcName(pc - 1)) })
	if i < 0 {
		return &origin{}
	}
	frames = frames[i:]
	return &origin{stack: slices.Clone(frames[:min(len(frames), 10)])}
}

// isOurs reports whether the function of this name is left out of stacks: a function of
// this package, of the engine or of the runtime.
func isOurs(name string) bool {
	for _, pkg := range [...]string{packagePath + ".", packagePath + "/internal/coro.", "runtime.", "iter."} {
		if strings.HasPrefix(name, pkg) {
			return true
		}
	}
	return false
}

// where is the position as an addition to a description.
func (o *origin) where() string {
	if o == nil || len(o.stack) == 0 {
		return ""
	}
	f, _ := runtime.CallersFrames(o.stack[:1]).Next()
	return fmt.Sprintf(" made at %s:%d", f.File, f.Line)
}

// text is the stack as the runtime prints one.
func (o *origin) text() string {
	if o == nil || len(o.stack) == 0 {
		return ""
	}
	var b strings.Builder
	frames := runtime.CallersFrames(o.stack)
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return strings.TrimSuffix(b.String(), "\n")
		}
	}
}
