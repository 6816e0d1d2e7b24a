package asyncio

import "example.com/asyncio/inspect"

// WaitReason reports why awaiters of f are blocked. A future whose type does not know is an
// inspect.ForFuture, with f as Object. Only the loop's goroutine may call it.
func (f *futureBase) WaitReason() inspect.WaitReason {
	if f.isTask {
		return inspect.WaitReason{Kind: inspect.ForTask, Futures: []inspect.Future{f.self}}
	}
	if w, ok := f.outcomeSource().(waitReasoner); ok {
		return w.WaitReason()
	}
	return inspect.WaitReason{Kind: inspect.ForFuture, Object: f.self}
}

// A waitReasoner reports why tasks that wait for it are blocked: a block such as a timeout, a
// future with an embedded [Future], or the source of a future's outcome.
type waitReasoner interface {
	WaitReason() inspect.WaitReason
}

// nameOf returns the name of f if it is a task; for any other future, what its awaiters wait for.
func nameOf(f inspect.Future) string {
	if t, ok := f.(inspect.Task); ok {
		return t.Name()
	}
	return f.WaitReason().String()
}
