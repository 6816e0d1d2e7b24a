// Package inspect describes a running loop of package asyncio as plain data: its tasks,
// what they wait for, and what happens to them.
//
//   - A [Snapshot] is all tasks at one moment. Loop.Snapshot of package asyncio returns
//     one.
//   - An [Event] is one thing that happens to a task. An [Observer] receives the events
//     of a loop; Loop.SetObserver installs it.
//   - A [CallGraph] is a task, its stack, and the tasks that await it.
//
// Programs that only run tasks do not need this package. Package introspect serves the
// data to other processes.
package inspect
