package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// Two tasks on one loop. Each runs until it awaits, and shared data needs no lock. With
// the virtual driver the clock jumps to the next timer.
func Example() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		count := 0
		walk := func(steps int, pause time.Duration) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				for range steps {
					if err := asyncio.Sleep(ctx, pause); err != nil {
						return err
					}
					count++
					fmt.Printf("%v: %s takes step %d\n", r.Loop().Time(), asyncio.CurrentTask(ctx).Name(), count)
				}
				return nil
			}
		}
		return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
			tg.Go(walk(3, 2*time.Minute), asyncio.WithName("hare"))
			tg.Go(walk(2, 5*time.Minute), asyncio.WithName("tortoise"))
			return nil
		})
	})
	fmt.Println(err)
	// Output:
	// 2m0s: hare takes step 1
	// 4m0s: hare takes step 2
	// 5m0s: tortoise takes step 3
	// 6m0s: hare takes step 4
	// 10m0s: tortoise takes step 5
	// <nil>
}

// A new task does not begin before its creator suspends. It keeps its outcome for all its
// awaiters.
func ExampleCreateTask() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		sum := asyncio.CreateTask(ctx, func(context.Context) (int, error) {
			fmt.Println("adding")
			return 40 + 2, nil
		}, asyncio.WithName("sum"))
		fmt.Println(sum.Name(), "is done:", sum.Done())
		n, err := sum.Await(ctx)
		fmt.Println(n, err)
		n, err = sum.Result()
		fmt.Println("still", n, err)
		return nil
	})
	fmt.Println(err)
	// Output:
	// sum is done: false
	// adding
	// 42 <nil>
	// still 42 <nil>
	// <nil>
}

// A Future has an outcome that other code sets, here a callback. To set it a second time
// is an error.
func ExampleFuture() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		answer := asyncio.NewFuture[string](ctx)
		answer.AddDoneCallback(func(_ context.Context, f asyncio.AnyFuture) { fmt.Println("callback:", f) })
		r.Loop().CallLater(time.Second, func(context.Context) { _ = answer.SetResult("yes") })
		s, err := answer.Await(ctx)
		fmt.Println(s, err)
		fmt.Println(answer.SetResult("no"))
		return nil
	})
	fmt.Println(err)
	// Output:
	// callback: <Future finished result=yes>
	// yes <nil>
	// asyncio: invalid state: SetResult on <Future finished result=yes>
	// <nil>
}

// after returns a Coro that sleeps for d and returns s and err.
func after(d time.Duration, s string, err error) asyncio.Coro[string] {
	return func(ctx context.Context) (string, error) {
		if err := asyncio.Sleep(ctx, d); err != nil {
			return "", err
		}
		return s, err
	}
}

// Gather runs all concurrently. The results have the order of the arguments.
func ExampleGather() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		words, err := asyncio.Gather(ctx, after(3*time.Second, "come", nil), after(time.Second, "as", nil), after(2*time.Second, "you are", nil)).Await(ctx)
		fmt.Println(words, err, r.Loop().Time())

		// The first error ends the wait, but does not cancel the others. A TaskGroup
		// does.
		words, err = asyncio.Gather(ctx, after(time.Second, "", errors.New("no such word")), after(time.Hour, "late", nil)).Await(ctx)
		fmt.Println(words, err, r.Loop().Time())
		fmt.Println(len(asyncio.AllTasks(ctx)), "tasks, including this one")
		return nil
	})
	fmt.Println(err)
	// Output:
	// [come as you are] <nil> 3s
	// [] no such word 4s
	// 2 tasks, including this one
	// <nil>
}

// GatherResults waits for all. Errors are among the results.
func ExampleGatherResults() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		results, err := asyncio.GatherResults(ctx, after(2*time.Second, "here", nil), after(time.Second, "", errors.New("no answer"))).Await(ctx)
		for _, r := range results {
			fmt.Printf("%q %v\n", r.Value, r.Err)
		}
		return err
	})
	fmt.Println(err)
	// Output:
	// "here" <nil>
	// "" no answer
	// <nil>
}

// GatherAny accepts tasks of different types. Each task then has its own result.
func ExampleGatherAny() {
	err := asyncio.Run(context.Background(), func(ctx context.Context) error {
		name := asyncio.CreateTask(ctx, func(context.Context) (string, error) { return "ann", nil })
		age := asyncio.CreateTask(ctx, func(context.Context) (int, error) { return 7, nil })
		if _, err := asyncio.GatherAny(ctx, name, age).Await(ctx); err != nil {
			return err
		}
		n, _ := name.Result()
		a, _ := age.Result()
		fmt.Println(n, a+1)
		return nil
	})
	fmt.Println(err)
	// Output:
	// ann 8
	// <nil>
}

// GatherLimit is Gather with at most two of the functions running at the same time.
func ExampleGatherLimit() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	fetch := func(size int) asyncio.Coro[string] {
		return func(ctx context.Context) (string, error) {
			return fmt.Sprint(size, " MB"), asyncio.Sleep(ctx, time.Duration(size)*time.Second)
		}
	}
	err := r.Run(context.Background(), func(ctx context.Context) error {
		got, err := asyncio.GatherLimit(ctx, 2, fetch(3), fetch(1), fetch(2)).Await(ctx)
		fmt.Println(got, "after", r.Loop().Time())
		return err
	})
	fmt.Println(err)
	// Output:
	// [3 MB 1 MB 2 MB] after 3s
	// <nil>
}

// resize stands for work that takes time, and fails for one of its items.
func resize(ctx context.Context, size int) (string, error) {
	if err := asyncio.Sleep(ctx, time.Duration(size)*time.Second); err != nil {
		return "", err
	}
	if size == 4 {
		return "", errors.New("the picture is broken")
	}
	return fmt.Sprint("small ", size), nil
}

// Map calls a function for each item of a sequence, with at most two calls at the same
// time. The results have the order of the items. The items may be an endless sequence.
func ExampleMap() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		for small, err := range asyncio.Map(ctx, 2, slices.Values([]int{5, 1, 4, 2}), resize) {
			fmt.Printf("%v: %q %v\n", r.Loop().Time(), small, err)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 5s: "small 5" <nil>
	// 5s: "small 1" <nil>
	// 9s: "" the picture is broken
	// 9s: "small 2" <nil>
	// <nil>
}

// MapUnordered yields each result as soon as it is available. After a return or a break
// the calls that still run are cancelled, and none of them is left.
func ExampleMapUnordered() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		for small, err := range asyncio.MapUnordered(ctx, 2, slices.Values([]int{9, 1, 4, 2}), resize) {
			if err != nil {
				fmt.Printf("%v: %d tasks are left\n", r.Loop().Time(), len(asyncio.AllTasks(ctx)))
				break
			}
			fmt.Printf("%v: %s\n", r.Loop().Time(), small)
		}
		fmt.Printf("%v: %d task is left\n", r.Loop().Time(), len(asyncio.AllTasks(ctx)))
		return nil
	})
	fmt.Println(err)
	// Output:
	// 1s: small 1
	// 5s: 2 tasks are left
	// 5s: 1 task is left
	// <nil>
}

// The first answer wins. Wait does not cancel the other tasks, so the caller does.
func ExampleWait() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		servers := []*asyncio.Task[string]{
			asyncio.CreateTask(ctx, after(3*time.Second, "from a distant server", nil), asyncio.WithName("distant")),
			asyncio.CreateTask(ctx, after(time.Second, "from a near server", nil), asyncio.WithName("near")),
		}
		done, rest, err := asyncio.Wait(ctx, servers, asyncio.FirstCompleted, asyncio.WithTimeout(time.Minute))
		if err != nil {
			return err
		}
		for _, t := range done {
			fmt.Println(t.Result())
		}
		for _, t := range rest {
			t.Cancel()
		}
		_, _, err = asyncio.Wait(ctx, rest)
		for _, t := range rest {
			fmt.Println(t.Name(), "is cancelled:", t.Cancelled())
		}
		return err
	})
	fmt.Println(err)
	// Output:
	// from a near server <nil>
	// distant is cancelled: true
	// <nil>
}

// AsCompleted yields each task when it ends, up to a time limit.
func ExampleAsCompleted() {
	r := asyncio.Runner{Driver: driver.NewVirtual()}
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		var racers []*asyncio.Task[string]
		for _, name := range []string{"snail", "horse", "dog"} {
			takes := map[string]time.Duration{"horse": time.Minute, "dog": 2 * time.Minute, "snail": 24 * time.Hour}[name]
			racers = append(racers, asyncio.CreateTask(ctx, after(takes, name, nil)))
		}
		for t, err := range asyncio.AsCompleted(ctx, racers, asyncio.WithTimeout(time.Hour)) {
			if err != nil { // the error of the wait; a task has its own in Result
				return err
			}
			fmt.Println(t.Result())
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// horse <nil>
	// dog <nil>
	// asyncio: timed out after 1h0m0s
}
