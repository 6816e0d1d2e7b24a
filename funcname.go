package asyncio

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"

	"example.com/asyncio/inspect"
)

// packagePath is the import path of this package. The names of its functions begin with it.
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
