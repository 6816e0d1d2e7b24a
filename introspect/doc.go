// Package introspect answers questions about the tasks of a running program: which there are, who waits for whom, what
// blocks the loop, and what is wrong.
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
// Serve opens a socket that only the user of the process can reach; the command asyncio finds it by the process id. [Handler]
// is the same as an [net/http.Handler], to be mounted beside net/http/pprof. Both only read. Cancelling a task from outside
// is a switch of its own, [AllowCancel], and takes a token.
//
// A program that nobody looks at pays nothing: there is an [inspect.Observer] only while somebody streams events, or
// with [Watch]. A reader that is slow or gone does not slow the loop: it loses events, and is told how many.
//
// # The protocol
//
// HTTP/1.1, over a unix socket or wherever the handler is mounted. Answers are JSON; with ?text=1 those that
// have a text are text/plain. Times of the loop, and durations, are nanoseconds. Fields may be added; those that there
// are keep their meaning. An error is a status of 4xx or 5xx and {"error": "..."}, see [Failure].
//
//	GET  /                    what "asyncio ps" prints, as text
//	GET  /snapshot            [Picture]: the process, its loop, the tasks, the unread errors. ?text=1: ps
//	GET  /tree                text: the tree of awaits, as "asyncio pstree" prints it
//	GET  /events              a stream of [Message], one a line, until the reader closes it or the loop ends
//	GET  /findings            [Findings]: what is wrong, in sentences. ?text=1: one a line
//	GET  /tasks/{id}          [TaskPage]: a task of the snapshot, with its stack
//	GET  /tasks/{id}/stack    [Stack]: where it stands now. ?text=1: as the runtime prints a stack
//	POST /tasks/{id}/cancel   asks the task to cancel; body [CancelRequest]; "Authorization: Bearer TOKEN". Answer: [CancelReply]
//
// While the loop is blocked it cannot be asked: /snapshot and what is made of it then fail with 503 after some seconds
// (?wait=2s says how many), but for /findings, which then has what the watchdog sees from outside, with the stack that blocks.
//
// A stream begins with a message "hello", which has a snapshot; the events after it are those that the snapshot does not
// have in it yet. They come in batches, some tens a second. Each event has a number, one more than that before it: a batch says
// the number of its first, and how many are missing before that one. Where more happens than is read, from some 50,000 events a second
// on, the stream has all that happened in a part of each twentieth of a second, and the rest is only counted. A message
// "sample" comes once a second. The last is "end", unless the process ended hard.
//
// # Recordings
//
// [Client.Record] writes a stream to a file, and pictures in between, to be looked at later: a line {"kind":"asyncio recording","version":1}, and
// then a [Message] a line. [ReadRecording] reads it.
//
// # Where the sockets are
//
// In the folder asyncio in $XDG_RUNTIME_DIR, or else the folder asyncio-UID in the folder for temporary files: PID.sock, and
// PID.2.sock and so on where a process serves several loops. A path that is too long for a socket, which is so from about 80 bytes on, is
// passed over, and so the last is asyncio-UID in /tmp. The folder has the mode 0700, the sockets 0600. A folder that
// belongs to somebody else, or that others may write to, is refused. A socket whose process is gone is removed by whoever
// comes across it.
package introspect
