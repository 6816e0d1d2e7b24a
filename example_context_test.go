package asyncio_test

import (
	"context"
	"fmt"

	"example.com/asyncio"
)

// requestID is the ID of the request that a task works on.
var requestID = asyncio.NewContextVarDefault("request", "none")

func logf(ctx context.Context, format string, args ...any) {
	id, _ := requestID.Get(ctx)
	fmt.Printf("[%s] %s\n", id, fmt.Sprintf(format, args...))
}

// authenticate sets the variable for its caller. A value of a context.Context cannot do
// that.
func authenticate(ctx context.Context, user string) {
	requestID.Set(ctx, "request of "+user)
}

func ExampleContextVar() {
	serve := func(user string) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			logf(ctx, "begins")
			authenticate(ctx, user)
			logf(ctx, "is authenticated")
			if err := asyncio.Yield(ctx); err != nil { // the other task runs meanwhile
				return err
			}
			logf(ctx, "ends")
			return nil
		}
	}
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		defer logf(ctx, "all requests served")
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(serve("ann"))
			tg.Go(serve("bob"))
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// [none] begins
	// [request of ann] is authenticated
	// [none] begins
	// [request of bob] is authenticated
	// [request of ann] ends
	// [request of bob] ends
	// [none] all requests served
	// <nil>
}

// A variable that is set during a call. Reset undoes the Set with the token.
func ExampleContextVar_Reset() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		token := requestID.Set(ctx, "7")
		logf(ctx, "inside")
		if err := requestID.Reset(ctx, token); err != nil {
			return err
		}
		logf(ctx, "outside")
		return requestID.Reset(ctx, token)
	})
	fmt.Println(err)
	// Output:
	// [7] inside
	// [none] outside
	// asyncio: misuse: Reset of <ContextVar name=request> with <Token used var=<ContextVar name=request>>: the token was used before
}

// An eager task runs in the call that creates it until it first suspends. A task that
// does not suspend is done after that call.
func ExampleEagerTaskFactory() {
	cache := map[string]string{"a": "from the cache"}
	fetch := func(key string) func(ctx context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			if v, ok := cache[key]; ok {
				return v, nil
			}
			return "from the server", asyncio.Yield(ctx)
		}
	}
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		loop, err := asyncio.RunningLoop(ctx)
		if err != nil {
			return err
		}
		loop.SetTaskFactory(asyncio.EagerTaskFactory)
		for _, key := range []string{"a", "b"} {
			task := asyncio.CreateTask(ctx, fetch(key))
			fmt.Printf("%s: done immediately: %v\n", key, task.Done())
			v, err := task.Await(ctx)
			if err != nil {
				return err
			}
			fmt.Printf("%s: %s\n", key, v)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// a: done immediately: true
	// a: from the cache
	// b: done immediately: false
	// b: from the server
	// <nil>
}
