package introspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Client asks a process about its loop. Any goroutine may use it, several at a time too.
type Client struct {
	process Process
	http    http.Client
}

// Dial connects to the process of that name: a process id, or one of [Processes]. Its errors say which it is:
// [ErrNoProcess], [ErrNotServing], [ErrNoPermission]. The Client must be closed.
func Dial(ctx context.Context, name string) (*Client, error) {
	dir := Folder()
	p, ok := processAt(filepath.Join(dir, name+".sock"))
	if !ok || filepath.Base(name) != name {
		return nil, fmt.Errorf("asyncio: %q is no process id: %w", name, ErrNoProcess)
	}
	if err := checkFolder(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c := &Client{process: p}
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.Path)
	}}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", p.Path)
	if err != nil {
		return nil, p.explain(err)
	}
	return c, conn.Close()
}

// explain says why nobody answers.
func (p Process) explain(err error) error {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("asyncio: process %s: %w", p.Name, err)
	}
	switch alive(p.PID) {
	case ErrNoProcess:
		_ = p.serves() // which removes what it has left
		return fmt.Errorf("asyncio: process %s: %w", p.Name, ErrNoProcess)
	case ErrNoPermission:
		return fmt.Errorf("asyncio: process %s belongs to another user, and only that one can look into it: %w", p.Name, ErrNoPermission)
	}
	return fmt.Errorf("asyncio: process %s: %w; have it call introspect.Serve(ctx)", p.Name, ErrNotServing)
}

// Process returns whom c asks.
func (c *Client) Process() Process { return c.process }

// Transport leads to the process whatever the host: for a proxy.
func (c *Client) Transport() http.RoundTripper { return c.http.Transport }

// Close ends c. What it has returned stays.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Picture returns what there is: GET /snapshot.
func (c *Client) Picture(ctx context.Context) (*Picture, error) {
	return ask[Picture](ctx, c, "/snapshot")
}

// Findings returns what is wrong: GET /findings.
func (c *Client) Findings(ctx context.Context) (*Findings, error) {
	return ask[Findings](ctx, c, "/findings")
}

// Task returns a task and its stack: GET /tasks/{id}.
func (c *Client) Task(ctx context.Context, id uint64) (*TaskPage, error) {
	return ask[TaskPage](ctx, c, fmt.Sprintf("/tasks/%d", id))
}

// Text returns the answer of a GET as it is: of "/" or "/tree", say.
func (c *Client) Text(ctx context.Context, path string) (string, error) {
	body, err := c.do(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return string(text), c.lost(err)
}

// Cancel asks a task to cancel, with a message, and tells whether it had not ended: POST /tasks/{id}/cancel.
func (c *Client) Cancel(ctx context.Context, id uint64, token, message string) (bool, error) {
	request, err := json.Marshal(CancelRequest{Message: message})
	if err != nil {
		return false, err
	}
	body, err := c.do(ctx, http.MethodPost, fmt.Sprintf("/tasks/%d/cancel", id), bytes.NewReader(request), token)
	if err != nil {
		return false, err
	}
	defer body.Close()
	var reply CancelReply
	err = json.NewDecoder(body).Decode(&reply)
	return reply.Asked, c.lost(err)
}

// Events yields the messages of a stream: GET /events. It ends with the stream, or with an error, or when
// the caller breaks.
func (c *Client) Events(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		body, err := c.do(ctx, http.MethodGet, "/events", nil, "")
		if err != nil {
			yield(nil, err)
			return
		}
		defer body.Close()
		for lines := json.NewDecoder(body); ; {
			m := new(Message)
			if err := lines.Decode(m); err != nil {
				yield(nil, c.lost(err))
				return
			}
			if !yield(m, nil) || m.Kind == KindEnd {
				return
			}
		}
	}
}

func ask[T any](ctx context.Context, c *Client, path string) (*T, error) {
	body, err := c.do(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	answer := new(T)
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return nil, c.lost(err)
	}
	return answer, nil
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader, token string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://asyncio"+path, body)
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.lost(err)
	}
	if answer.StatusCode < 400 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	var failure Failure
	if err := json.NewDecoder(answer.Body).Decode(&failure); err != nil || failure.Error == "" {
		failure.Error = answer.Status
	}
	return nil, fmt.Errorf("asyncio: process %s: %s", c.process.Name, strings.TrimPrefix(failure.Error, "asyncio: "))
}

// lost says in place of err that the process has ended, if that is why.
func (c *Client) lost(err error) error {
	if err == nil {
		return nil
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	// A process that was ended hard leaves its socket, at which nobody listens.
	if _, gone := os.Stat(c.process.Path); errors.Is(gone, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(alive(c.process.PID), ErrNoProcess) {
		return fmt.Errorf("asyncio: process %s has ended, or serves no more: %w", c.process.Name, ErrNoProcess)
	}
	return fmt.Errorf("asyncio: process %s: %w", c.process.Name, err)
}
