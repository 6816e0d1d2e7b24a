package introspect_test

import (
	"testing"
	"time"

	"example.com/asyncio/inspect"
	"example.com/asyncio/introspect"
)

// waiting returns a task that waits for w. Its name is a letter: task 1 is a.
func waiting(id uint64, w inspect.WaitInfo) inspect.TaskInfo {
	return inspect.TaskInfo{ID: id, Name: string(rune('a' + id - 1)), State: inspect.TaskWaiting, Waits: &w}
}

func onTasks(kind inspect.WaitKind, ids ...uint64) inspect.WaitInfo {
	return inspect.WaitInfo{Kind: kind, Tasks: ids}
}

func onLock(holder uint64) inspect.WaitInfo {
	return inspect.WaitInfo{Kind: inspect.ForLock, What: "<Lock locked waiters=1>", Holder: holder}
}

func within(t inspect.TaskInfo, b inspect.BlockInfo) inspect.TaskInfo {
	t.Blocks = append(t.Blocks, b)
	return t
}

const (
	deadlock = "Deadlock: "
	noneCan  = ". None of them can continue."
)

var checkTests = []struct {
	name  string
	tasks []inspect.TaskInfo
	loop  inspect.LoopInfo
	want  []string
}{
	{
		name:  "two tasks await each other",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onTasks(inspect.ForTask, 1))},
		want:  []string{deadlock + "task a (#1) awaits task b (#2), which awaits task a (#1)" + noneCan},
	},
	{
		name:  "a task awaits itself",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForGather, 1))},
		want:  []string{deadlock + "task a (#1) awaits task a (#1) in a gather" + noneCan},
	},
	{
		name: "a cycle of three begins with the oldest; a task that awaits them is not in it",
		tasks: []inspect.TaskInfo{
			waiting(1, onTasks(inspect.ForTask, 3)), waiting(2, onTasks(inspect.ForTask, 4)),
			waiting(3, onTasks(inspect.ForShield, 2)), waiting(4, onTasks(inspect.ForGroup, 3)),
		},
		want: []string{deadlock + "task b (#2) awaits task d (#4), which awaits task c (#3) in a group, which awaits task b (#2) in a shield" + noneCan},
	},
	{
		name:  "two locks",
		tasks: []inspect.TaskInfo{waiting(1, onLock(2)), waiting(2, onLock(1))},
		want: []string{deadlock + "task a (#1) waits for <Lock locked waiters=1>, held by task b (#2), " +
			"which waits for <Lock locked waiters=1>, held by task a (#1)" + noneCan},
	},
	{
		name:  "the holder of a lock awaits a task that needs the lock",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onLock(1))},
		want:  []string{deadlock + "task a (#1) awaits task b (#2), which waits for <Lock locked waiters=1>, held by task a (#1)" + noneCan},
	},
	{
		name: "two cycles",
		tasks: []inspect.TaskInfo{
			waiting(1, onTasks(inspect.ForTask, 3)), waiting(2, onTasks(inspect.ForTask, 4)),
			waiting(3, onTasks(inspect.ForTask, 1)), waiting(4, onTasks(inspect.ForTask, 2)),
		},
		want: []string{
			deadlock + "task a (#1) awaits task c (#3), which awaits task a (#1)" + noneCan,
			deadlock + "task b (#2) awaits task d (#4), which awaits task b (#2)" + noneCan,
		},
	},
	{
		name:  "a task awaits all of several, one of which awaits it",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForGather, 2, 3)), waiting(2, inspect.WaitInfo{Kind: inspect.ForTimer}), waiting(3, onTasks(inspect.ForTask, 1))},
		want:  []string{deadlock + "task a (#1) awaits task c (#3) in a gather, which awaits task a (#1)" + noneCan},
	},
	{
		name:  "a task awaits the first of several, one of which can continue",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForWait, 2, 3)), waiting(2, inspect.WaitInfo{Kind: inspect.ForTimer}), waiting(3, onTasks(inspect.ForTask, 1))},
	},
	{
		name:  "a task awaits the first of several, all of which await it",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForWait, 2, 3)), waiting(2, onTasks(inspect.ForTask, 1)), waiting(3, onTasks(inspect.ForTask, 1))},
		want:  []string{deadlock + "task a (#1) awaits task b (#2) in a wait, which awaits task a (#1)" + noneCan},
	},
	{
		name: "a cycle with a timeout",
		tasks: []inspect.TaskInfo{
			waiting(1, onTasks(inspect.ForTask, 2)),
			within(waiting(2, onTasks(inspect.ForTask, 1)), inspect.BlockInfo{Kind: "timeout", Until: time.Second}),
		},
	},
	{
		name: "a block without a deadline does not end a cycle",
		tasks: []inspect.TaskInfo{
			waiting(1, onTasks(inspect.ForTask, 2)),
			within(waiting(2, onTasks(inspect.ForTask, 1)), inspect.BlockInfo{Kind: "group"}),
		},
		want: []string{deadlock + "task a (#1) awaits task b (#2), which awaits task a (#1)" + noneCan},
	},
	{
		name:  "a cycle with a task that was asked to cancel",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), func() inspect.TaskInfo { t := waiting(2, onTasks(inspect.ForTask, 1)); t.Cancels = 1; return t }()},
	},
	{
		name:  "a chain",
		tasks: []inspect.TaskInfo{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onLock(3)), {ID: 3, Name: "c", State: inspect.TaskReady}},
	},
	{
		name:  "a lock whose holder has ended",
		tasks: []inspect.TaskInfo{waiting(1, onLock(9))},
	},
	{
		name:  "a name with a newline",
		tasks: []inspect.TaskInfo{{ID: 1, Name: "two\nlines", State: inspect.TaskWaiting, Waits: &inspect.WaitInfo{Kind: inspect.ForTask, Tasks: []uint64{1}}}},
		want:  []string{deadlock + `task two lines (#1) awaits task two lines (#1)` + noneCan},
	},
	{
		name: "lost wake-ups",
		tasks: []inspect.TaskInfo{
			waiting(1, inspect.WaitInfo{Kind: inspect.ForCondition, What: "<Condition>", Missed: 1}),
			waiting(2, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 3}),
			waiting(3, inspect.WaitInfo{Kind: inspect.ForEvent}),
		},
		want: []string{
			"task a (#1) waits for <Condition>, which was notified once when it had no waiters; no task is left to notify it again.",
			"task b (#2) waits for event, which was set and cleared 3 times when it had no waiters; no task is left to set it again.",
		},
	},
	{
		name:  "a timer may repeat the wake-up",
		tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1})},
		loop:  inspect.LoopInfo{Timers: 1},
	},
	{
		name:  "work outside the loop may repeat the wake-up",
		tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1})},
		loop:  inspect.LoopInfo{Outside: 1},
	},
	{
		name:  "a ready task may repeat the wake-up",
		tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1}), {ID: 2, State: inspect.TaskReady}},
	},
	{
		name:  "a task whose future any code may set may repeat the wake-up",
		tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForEvent, Missed: 1}), waiting(2, inspect.WaitInfo{Kind: inspect.ForFuture})},
	},
	{
		name:  "a wait for a queue is not a lost wake-up",
		tasks: []inspect.TaskInfo{waiting(1, inspect.WaitInfo{Kind: inspect.ForItem, Missed: 1})},
	},
	{name: "no tasks"},
}

// Check reports deadlocks and lost wake-ups of small graphs, and no others.
func TestCheck(t *testing.T) {
	for _, test := range checkTests {
		t.Run(test.name, func(t *testing.T) {
			var texts lines
			for _, f := range introspect.Check(&inspect.Snapshot{Loop: test.loop, Tasks: test.tasks}) {
				texts.add("%s", f.Text)
				if f.Advice == "" || !f.Severe || len(f.Tasks) == 0 {
					t.Errorf("the finding has no advice or no tasks, or is not severe: %+v", f)
				}
			}
			texts.want(t, test.want...)
		})
	}
}

// The advice for a deadlock depends on its number of locks.
func TestAdviceOfDeadlocks(t *testing.T) {
	var advice lines
	for _, tasks := range [][]inspect.TaskInfo{
		{waiting(1, onTasks(inspect.ForTask, 1))},
		{waiting(1, onTasks(inspect.ForTask, 2)), waiting(2, onLock(1))},
		{waiting(1, onLock(2)), waiting(2, onLock(1))},
	} {
		for _, f := range introspect.Check(&inspect.Snapshot{Tasks: tasks}) {
			advice.add("%s", f.Advice)
		}
	}
	advice.want(t,
		"Break the cycle: cancel one of the tasks, or let it continue without the result.",
		"Release the lock before waiting for a task that needs it.",
		"Acquire locks in the same order everywhere, or hold none while waiting for another task.",
	)
}
