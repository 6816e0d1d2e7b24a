package introspect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/introspect"
)

// A writer is a function that is called with each line written.
type writer func(line string) error

func (w writer) Write(line []byte) (int, error) { return len(line), w(string(line)) }

// A recording contains the first picture, the events, regular pictures, and the reason of
// its end. ReadRecording yields what was written.
func TestRecord(t *testing.T) {
	tick := make(chan time.Time)
	served(t, func(ctx context.Context, _ func()) error {
		begin := new(asyncio.Event)
		worker := spawn(ctx, "worker", begin.Wait)
		if err := asyncio.Yield(ctx); err != nil {
			return err
		}
		l := running(ctx)
		var file bytes.Buffer
		// Each line triggers the next one, so that their order is fixed.
		got, err := record(ctx, introspect.Recording{Every: time.Millisecond}, func(cancel func(), line string) error {
			switch {
			case strings.HasPrefix(line, `{"kind":"hello"`):
				done := make(chan bool)
				_, _ = l.CallSoonThreadsafe(func(context.Context) {
					worker.AddDoneCallback(func(context.Context, asyncio.AnyFuture) { close(done) })
					begin.Set()
				})
				<-done
				go func() { tick <- time.Time{} }()
			case strings.HasPrefix(line, `{"kind":"picture"`) && !strings.Contains(line, `"worker"`) && bytes.Contains(file.Bytes(), []byte(`"ended"`)):
				cancel()
			}
			file.WriteString(line)
			return nil
		})
		if err != nil {
			return err
		}
		lines, read, err := readWorker(&file)
		lines.want(t, "hello: 2 tasks", "resumed ", "ended result", "picture: main", "end: the recording was stopped")
		if read != got {
			t.Errorf("recorded %+v, read %+v", got, read)
		}
		return err
	}, introspect.Tick(tick))
}

// readWorker reads a recording of the tasks main and worker. The lines contain the hello,
// the events of worker, each picture after these that has only main, and the end.
func readWorker(r io.Reader) (lines lines, read introspect.Recorded, err error) {
	for m, err := range introspect.ReadRecording(r) {
		if err != nil {
			return lines, read, err
		}
		switch m.Kind {
		case introspect.KindHello:
			read.Pictures++
			lines.add("hello: %d tasks", len(m.Hello.Tasks))
		case introspect.KindPicture:
			if read.Pictures++; len(m.Picture.Tasks) == 1 && read.Events > 0 {
				lines.add("picture: %s", m.Picture.Tasks[0].Name)
			}
		case introspect.KindEvents:
			read.Events += uint64(len(m.Events))
			for _, e := range m.Events {
				if e.Task == 2 {
					lines.add("%v %s", e.Kind, e.Outcome)
				}
			}
		case introspect.KindEnd:
			lines.add("end: %s", m.Reason)
		}
	}
	return lines, read, nil
}

// record records this process while the loop runs.
func record(ctx context.Context, what introspect.Recording, write func(cancel func(), line string) error) (introspect.Recorded, error) {
	return asyncio.ToThread(ctx, func(ctx context.Context) (introspect.Recorded, error) {
		c, err := introspect.Dial(ctx, pid())
		if err != nil {
			return introspect.Recorded{}, err
		}
		defer c.Close()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return c.Record(ctx, writer(func(line string) error { return write(cancel, line) }), what)
	})
}

// A recording without events does not observe the loop, and ends after the requested
// number of pictures.
func TestRecordPictures(t *testing.T) {
	served(t, func(ctx context.Context, _ func()) error {
		var kinds lines
		got, err := record(ctx, introspect.Recording{Every: time.Millisecond, Pictures: 3, NoEvents: true}, func(_ func(), line string) error {
			kind, _, _ := strings.Cut(strings.TrimPrefix(line, `{"kind":"`), `"`)
			kinds.add("%s", kind)
			if strings.Contains(line, `"observed":true`) {
				t.Error("the loop is observed")
			}
			return nil
		})
		kinds.want(t, "asyncio recording", "picture", "picture", "picture", "end")
		if want := (introspect.Recorded{Pictures: 3}); got != want {
			t.Errorf("got %+v", got)
		}
		return err
	})
}

// Each picture is recorded with the findings at that time.
func TestRecordFindings(t *testing.T) {
	served(t, func(ctx context.Context, _ func()) error {
		spawnCycle(ctx)
		var file bytes.Buffer
		_, err := record(ctx, introspect.Recording{Pictures: 1, NoEvents: true}, func(_ func(), line string) error {
			file.WriteString(line)
			return nil
		})
		var lines lines
		for m := range introspect.ReadRecording(&file) {
			lines.add("%s %d", m.Kind, len(m.Findings))
		}
		lines.want(t, "picture 1", "end 0")
		for _, task := range asyncio.AllTasks(ctx)[1:] {
			task.Cancel()
		}
		return err
	})
}

// When the process ends or stops serving, the recording ends without an error, and
// contains the reason.
func TestRecordUntilTheEnd(t *testing.T) {
	for _, what := range []introspect.Recording{{Every: time.Hour}, {Every: time.Millisecond, NoEvents: true}} {
		served(t, func(ctx context.Context, stop func()) error {
			last := ""
			_, err := record(ctx, what, func(_ func(), line string) error {
				if last = line; strings.HasPrefix(line, `{"kind":"hello"`) || strings.HasPrefix(line, `{"kind":"picture"`) {
					go stop()
				}
				return nil
			})
			if !strings.HasPrefix(last, `{"kind":"end","reason":"`) {
				t.Errorf("the last line is %s", last)
			}
			return err
		})
	}
}

// Record returns an error if the file is full or the process does not serve.
func TestRecordErrors(t *testing.T) {
	served(t, func(ctx context.Context, stop func()) error {
		full := errors.New("no space left")
		if _, err := record(ctx, introspect.Recording{}, func(func(), string) error { return full }); err != full {
			t.Errorf("full disk: %v", err)
		}
		_, err := asyncio.ToThread(ctx, func(ctx context.Context) (int, error) {
			c, err := introspect.Dial(ctx, pid())
			if err != nil {
				return 0, err
			}
			defer c.Close()
			stop()
			for _, noEvents := range []bool{false, true} {
				if got, err := c.Record(ctx, io.Discard, introspect.Recording{NoEvents: noEvents}); !errors.Is(err, introspect.ErrNoProcess) || got.Pictures > 0 {
					t.Errorf("the process does not serve: %+v %v", got, err)
				}
			}
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := c.Record(cancelled, io.Discard, introspect.Recording{}); err == nil {
				t.Error("Record with a cancelled ctx returned no error")
			}
			return 0, nil
		})
		return err
	})
}

// ReadRecording returns an error with the line for anything but a recording. It yields
// the complete lines of an incomplete recording.
func TestReadRecording(t *testing.T) {
	const head = `{"kind":"asyncio recording","version":1}` + "\n"
	const end = `{"kind":"end","reason":"stopped"}` + "\n"
	foreign, incomplete := introspect.ErrNoRecording, io.ErrUnexpectedEOF
	for _, test := range []struct {
		name, text string
		messages   int
		kind       error
		prefix     string
	}{
		{"complete", head + `{"kind":"picture","picture":{}}` + "\n" + end, 2, nil, ""},
		{"empty", "", 0, foreign, "asyncio: read recording: the file is empty: "},
		{"other JSON", "{}\n", 0, foreign, `asyncio: read recording: it does not begin with {"kind":"asyncio recording","version":1}: `},
		{"not text", "\x7fELF", 0, foreign, "asyncio: read recording: it does not begin with "},
		{"newer version", `{"kind":"asyncio recording","version":2}` + "\n", 0, foreign, "asyncio: read recording: its version is 2, this program reads up to 1; use a newer program: "},
		{"incomplete head", head[:20], 0, incomplete, "asyncio: read recording: line 1 is incomplete: "},
		{"only a head", head, 0, incomplete, "asyncio: read recording: line 2 is incomplete: "},
		{"incomplete line", head + end + end[:len(end)-1], 1, incomplete, "asyncio: read recording: line 3 is incomplete: "},
		{"a line that is not JSON", head + end + "half\n" + end, 1, foreign, "asyncio: read recording: line 3 is not a message: "},
		{"a line of other JSON", head + "{}\n", 0, foreign, "asyncio: read recording: line 2 is not a message: the kind or its data is missing: "},
		{"a picture message without a picture", head + `{"kind":"picture"}` + "\n", 0, foreign, "asyncio: read recording: line 2 is not a message: "},
		{"a reader with an error", "", 0, io.ErrClosedPipe, "io: read/write on closed pipe"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r io.Reader = strings.NewReader(test.text)
			if test.kind == io.ErrClosedPipe {
				closed, _ := io.Pipe()
				_ = closed.Close()
				r = closed
			}
			messages := 0
			var err error
			for m, e := range introspect.ReadRecording(r) {
				if err = e; m != nil {
					messages++
				}
			}
			if messages != test.messages || !errors.Is(err, test.kind) || !strings.HasPrefix(fmt.Sprint(err), test.prefix) && err != nil {
				t.Errorf("got %d messages and %v", messages, err)
			}
		})
	}
}
