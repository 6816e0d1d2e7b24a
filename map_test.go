package asyncio_test

import "context"

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }
