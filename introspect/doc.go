// Package introspect shows the tasks of a running program: which tasks exist, which task
// waits for which, what blocks the loop, and what is wrong.
//
//	asyncio.Run(ctx, func(ctx context.Context) error {
//		stop, err := introspect.Serve(ctx)
//		if err != nil {
//			return err
//		}
//		defer stop()
//		...
//	})
//
// [Serve] opens a socket that only the user of the process can reach. The command asyncio
// finds it by the process ID. [Handler] serves the same over HTTP, beside net/http/pprof.
// Both only read. Cancelling tasks from outside is off unless [AllowCancel] is given; it
// then requires a token.
//
// A program that is not being inspected has no overhead: the loop has an
// [inspect.Observer] only while a reader streams events, or with [Watch]. A slow or dead
// reader does not slow the loop down: it loses events, and learns how many.
//
// # The protocol
//
// The protocol is HTTP/1.1, over a unix socket or wherever the handler is mounted.
//
//   - Responses are JSON. With ?text=1, responses that have a text form are text/plain.
//   - Durations and times of the loop are nanoseconds.
//   - Fields may be added. No field changes its meaning.
//   - An error has a status of 4xx or 5xx and the body {"error": "..."}: see [Failure].
//
// The requests are:
//
//	GET  /                    text: the output of "asyncio ps"
//	GET  /tree                text: the output of "asyncio pstree"
//	GET  /snapshot            [Picture]: process, loop, tasks, unread errors. Text: ps
//	GET  /events              a stream of [Message], one per line
//	GET  /findings            [Findings]: what is wrong. Text: one finding per line
//	GET  /tasks/{id}          [TaskPage]: a task of the snapshot, with its stack
//	GET  /tasks/{id}/stack    [Stack]: its stack. Text: in the format of the runtime
//	POST /tasks/{id}/cancel   requests cancellation
//
// The last request needs the header "Authorization: Bearer TOKEN". Its body is a
// [CancelRequest], its response a [CancelReply].
//
// A blocked loop does not respond. Requests that need it then fail with status 503 after
// 5 seconds, or after the duration in the query (?wait=2s). Only /findings succeeds: it
// contains what the watchdog observes from outside, with the stack that blocks.
//
// A stream begins with a message "hello", which contains a snapshot. The events after it
// are those that the snapshot does not include yet. They are sent in batches, 20 per
// second.
//
//   - Events are numbered consecutively. A batch has the number of its first event, and
//     the number of events that are missing before it.
//   - If more events occur than the reader receives, from about 50,000 per second on, the
//     stream contains all events of a part of each twentieth of a second. The others are
//     only counted.
//   - A message "sample" is sent once per second.
//   - The last message is "end", unless the process was killed.
//
// # Recordings
//
// [Client.Record] writes a stream and regular pictures to a file. The first line is
// {"kind":"asyncio recording","version":1}; each other line is a [Message].
// [ReadRecording] reads the file.
//
// # Location of the sockets
//
// The sockets are in the folder asyncio in $XDG_RUNTIME_DIR. If that is not set, they are
// in the folder asyncio-UID in the folder for temporary files. The first loop of a
// process has the socket PID.sock, the second PID.2.sock, and so on.
//
//   - A folder whose path is too long for a socket, from about 80 bytes on, is skipped.
//     The last candidate is asyncio-UID in /tmp.
//   - The folder has mode 0700, the sockets 0600.
//   - A folder that belongs to another user, or that others can read or write, is
//     refused.
//   - The socket of a process that has ended is removed by the next process that finds
//     it.
package introspect
