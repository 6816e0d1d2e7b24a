package asyncio

import "context"

// Internals for the tests in package asyncio_test.

type (
	Scope          = cancelScope
	SharedCallback = sharedCallback
)

var (
	NewScope = newScope
	CancelBy = cancelBy
)

func InitFuture[T any](ctx context.Context, f *Future[T], self futureNode, opts ...FutureOption) {
	initFuture(ctx, f, self, opts...)
}
