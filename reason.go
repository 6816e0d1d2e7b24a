package asyncio

import "example.com/asyncio/inspect"

// A waitReasoner reports why tasks that wait for it are blocked: a future, or a block such as a
// timeout. A type with an embedded [Future] overrides the method of futureBase.
type waitReasoner interface {
	waitReason() inspect.WaitReason
}

// WaitReason reports why awaiters of f are blocked. A plain Future is an inspect.ForFuture, with
// itself as Object. Only the loop's goroutine may call it.
func (f *futureBase) WaitReason() inspect.WaitReason { return f.self.waitReason() }

func (f *futureBase) waitReason() inspect.WaitReason {
	if f.isTask {
		return inspect.WaitReason{Kind: inspect.ForTask, Futures: []inspect.Future{f.self}}
	}
	return inspect.WaitReason{Kind: inspect.ForFuture, Object: f.self}
}

// nameOf returns the name of f if it is a task; for any other future, what its awaiters wait for.
func nameOf(f inspect.Future) string {
	if t, ok := f.(inspect.Task); ok {
		return t.Name()
	}
	return f.WaitReason().String()
}
