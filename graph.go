package asyncio

// A FutureCallGraph is a future or a task, its stack, and who awaits it. See asyncio.FutureCallGraph (3.14).
type FutureCallGraph struct {
	Future    AnyFuture
	CallStack []Frame            // where it stands, the innermost call first; none of a future
	AwaitedBy []*FutureCallGraph // in the order of creation; the same one where several lead to it
}
