package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"example.com/asyncio/cmd/asyncio/model"
	"example.com/asyncio/cmd/asyncio/view"
	"example.com/asyncio/introspect"
)

type topCommand struct {
	PID   string        `arg:"" name:"PID" help:"A process id; 4711.2 is the second loop of process 4711."`
	Every time.Duration `default:"1s" help:"The time between two pictures."`
}

// Validate is called when the command line is read.
func (c *topCommand) Validate() error { return positive(c.Every) }

func positive(every time.Duration) error {
	if every <= 0 {
		return fmt.Errorf("--every %v: it takes a time above 0", every)
	}
	return nil
}

// Run shows the process until the user leaves. With --json it prints a picture a line instead.
func (c *topCommand) Run(ctx context.Context, t *terminal) error {
	client, err := introspect.Dial(ctx, c.PID)
	if err != nil {
		return err
	}
	defer client.Close()
	if t.json {
		return printPictures(ctx, client, c.Every, t.stdout)
	}
	return show(ctx, t, &live{client, c.Every})
}

// A source has what top shows.
type source interface {
	// Picture returns the first picture, and after Back or Forward of a recording another one.
	Picture(ctx context.Context, a model.Action) (p *introspect.Picture, where string, err error)
	Task(ctx context.Context, id uint64) (*introspect.TaskPage, error)
	// Findings returns what is wrong, also where there is no picture since the loop is blocked.
	Findings(ctx context.Context) (*introspect.Findings, error)
	// Events yields what happens, from now on; those of a recording all at once.
	Events(ctx context.Context) iter.Seq2[*introspect.Message, error]
	// Every is the time after which there is a new picture. 0: there is none unless the user asks.
	Every() time.Duration
}

// live is a process.
type live struct {
	client *introspect.Client
	every  time.Duration
}

func (l *live) Picture(ctx context.Context, _ model.Action) (*introspect.Picture, string, error) {
	p, err := l.client.Picture(ctx)
	return p, "", err
}

func (l *live) Task(ctx context.Context, id uint64) (*introspect.TaskPage, error) {
	return l.client.Task(ctx, id)
}

func (l *live) Findings(ctx context.Context) (*introspect.Findings, error) {
	return l.client.Findings(ctx)
}

func (l *live) Events(ctx context.Context) iter.Seq2[*introspect.Message, error] {
	return l.client.Events(ctx)
}

func (l *live) Every() time.Duration { return l.every }

var errNoTerminal = errors.New("top takes a terminal; --json prints pictures without one")

// show runs top on a terminal.
func show(ctx context.Context, t *terminal, s source) error {
	if out, ok := t.stdout.(*os.File); ok && !term.IsTerminal(out.Fd()) {
		return errNoTerminal
	}
	// What cannot be looked into at all is told as by the other commands. A loop that is blocked can be: what is wrong is known of it.
	findings, err := s.Findings(ctx)
	if err != nil {
		return err
	}
	looking, stop := context.WithCancel(ctx)
	defer stop()
	top := &top{ctx: looking, source: s, model: &model.Top{}, width: 80, height: 24}
	top.model.SeeFindings(findings)
	_, err = tea.NewProgram(top, tea.WithContext(ctx), tea.WithInput(t.stdin), tea.WithOutput(t.stdout),
		tea.WithoutSignalHandler()).Run()
	switch {
	case ctx.Err() != nil: // it was interrupted: another way to leave
		return nil
	case err == nil && top.ended != nil:
		return top.ended
	}
	return err
}

// top leads from the terminal and the source to the model, and back.
type top struct {
	ctx           context.Context
	events        *stream // while a task's page is open
	source        source
	model         *model.Top
	width, height int
	ended         error // there is no such process any more
}

// What comes from the source.
type (
	pictureMsg struct {
		*introspect.Picture
		where    string
		findings *introspect.Findings // of a recording
		err      error
		tick     bool // another one follows by itself
	}
	taskMsg struct {
		id   uint64
		page *introspect.TaskPage
		err  error
	}
	findingsMsg struct {
		*introspect.Findings
		tick bool
	}
	eventsMsg struct {
		from *stream
		*introspect.Message
	}
)

func (t *top) Init() tea.Cmd {
	return tea.Batch(func() tea.Msg { return t.picture(model.None, t.source.Every() > 0) }, t.tick(t.findings))
}

// tick asks for something after the time between two pictures has passed. Pictures and findings have a tick each: the loop may be
// blocked, and then a picture takes long.
func (t *top) tick(ask func() tea.Msg) tea.Cmd {
	if t.source.Every() == 0 {
		return nil
	}
	return func() tea.Msg { // tea.Tick would go on when all is over
		timer := time.NewTimer(t.source.Every())
		defer timer.Stop()
		select {
		case <-timer.C:
			return ask()
		case <-t.ctx.Done():
			return nil
		}
	}
}

func (t *top) findings() tea.Msg {
	f, err := t.source.Findings(t.ctx)
	if err != nil { // the picture tells why
		f = nil
	}
	return findingsMsg{f, true}
}

// A stream has the events of a source.
type stream struct {
	messages chan *introspect.Message
	stop     context.CancelFunc
}

// listen asks for events anew, for a recording has all of them only once; a stream that there was ends.
func (t *top) listen() tea.Cmd {
	t.hangUp()
	ctx, stop := context.WithCancel(t.ctx)
	s := &stream{make(chan *introspect.Message), stop}
	t.events = s
	go func() {
		defer close(s.messages)
		for m, err := range t.source.Events(ctx) {
			if err != nil { // pictures tell why
				return
			}
			select {
			case s.messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s.next
}

func (t *top) hangUp() {
	if t.events != nil {
		t.events.stop()
		t.events = nil
	}
}

// next waits for a message.
func (s *stream) next() tea.Msg {
	if m := <-s.messages; m != nil {
		return eventsMsg{s, m}
	}
	return nil
}

func (t *top) picture(a model.Action, tick bool) tea.Msg {
	msg := pictureMsg{tick: tick}
	msg.Picture, msg.where, msg.err = t.source.Picture(t.ctx, a)
	if t.source.Every() == 0 && msg.err == nil {
		msg.findings, msg.err = t.source.Findings(t.ctx)
	}
	return msg
}

func (t *top) task(id uint64) tea.Cmd {
	return func() tea.Msg {
		page, err := t.source.Task(t.ctx, id)
		return taskMsg{id, page, err}
	}
}

func (t *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.width, t.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return t, t.key(msg)
	case pictureMsg:
		return t, t.see(msg)
	case taskMsg:
		if msg.id == t.model.Selected {
			t.model.SeeTask(msg.page, msg.err)
		}
	case findingsMsg:
		return t, t.seeFindings(msg)
	case eventsMsg:
		if msg.from == t.events {
			t.model.SeeEvents(msg.Dropped, msg.Events)
			return t, msg.from.next
		}
	}
	return t, nil
}

func (t *top) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if k.Text != "" && k.Text != " " { // A, and not shift+a
		name = k.Text
	}
	a := t.model.Key(name)
	if t.model.Page != model.PageTask {
		t.hangUp()
	}
	switch a {
	case model.Quit:
		return tea.Quit
	case model.LoadTask:
		return tea.Batch(t.task(t.model.Selected), t.listen())
	case model.Back, model.Forward:
		if t.source.Every() == 0 {
			return func() tea.Msg { return t.picture(a, false) }
		}
	}
	return nil
}

func (t *top) see(msg pictureMsg) tea.Cmd {
	var next []tea.Cmd
	if msg.tick {
		next = append(next, t.tick(func() tea.Msg { return t.picture(model.None, true) }))
	}
	switch {
	case errors.Is(msg.err, introspect.ErrNoProcess):
		// The last picture stays, for who reads it.
		t.model.Err, t.ended = strings.TrimPrefix(msg.err.Error(), "asyncio: ")+"; q quits", msg.err
		return nil
	case msg.err != nil:
		t.model.Err = strings.TrimPrefix(msg.err.Error(), "asyncio: ")
	case !t.model.Paused || !msg.tick:
		t.model.Where = msg.where
		t.model.See(msg.Picture)
		if msg.findings != nil {
			t.model.SeeFindings(msg.findings)
		}
		if t.model.Page == model.PageTask {
			next = append(next, t.task(t.model.Selected))
		}
	}
	return tea.Batch(next...)
}

func (t *top) seeFindings(msg findingsMsg) tea.Cmd {
	if msg.Findings != nil && (!t.model.Paused || !msg.tick) {
		t.model.SeeFindings(msg.Findings)
	}
	if msg.tick && t.ended == nil {
		return t.tick(t.findings)
	}
	return nil
}

// looks are the terminal's own sixteen colours and reverse, which fit whatever theme there is.
var looks = map[view.Style]string{view.Title: "1", view.Selected: "7", view.Alarm: "31", view.Dim: "2"}

func (t *top) View() tea.View {
	var s strings.Builder
	for i, line := range view.Top(t.model, t.width, t.height) {
		if i > 0 {
			s.WriteByte('\n')
		}
		if look := looks[line.Style]; look != "" {
			fmt.Fprintf(&s, "\x1b[%sm%s\x1b[m", look, line.Text)
		} else {
			s.WriteString(line.Text)
		}
	}
	v := tea.NewView(s.String())
	v.AltScreen = true
	v.WindowTitle = "asyncio top"
	return v
}
