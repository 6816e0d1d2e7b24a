package asyncio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/asyncio"
	"example.com/asyncio/driver"
)

// A webPage is a page of the simulated web: its links, and how long a request for it
// takes.
type webPage struct {
	takes time.Duration
	links []string
}

var errNoPage = errors.New("no such page")

// A crawler visits each reachable page once.
type crawler struct {
	web     map[string]webPage
	loop    *asyncio.Loop
	visited map[string]bool // needs no lock: no other task runs between two awaits
}

// get stands for an HTTP request.
func (c *crawler) get(ctx context.Context, url string) ([]string, error) {
	p, ok := c.web[url]
	if !ok {
		return nil, errNoPage
	}
	return p.links, asyncio.Sleep(ctx, p.takes)
}

// visit starts a task for url. The task visits each link of the page in the same group,
// which therefore ends after the last page. A page that fails does not end the others; a
// cancel does.
func (c *crawler) visit(tg *asyncio.TaskGroup, url string) {
	if c.visited[url] {
		return
	}
	c.visited[url] = true
	tg.Go(func(ctx context.Context) error {
		var links []string
		err := asyncio.Timeout(ctx, time.Second, func(ctx context.Context) (err error) {
			links, err = c.get(ctx, url)
			return err
		})
		switch {
		case errors.Is(err, asyncio.ErrCancelled):
			return err
		case err != nil:
			c.log("%s: %v", url, err)
			return nil
		}
		c.log("%s: %d links", url, len(links))
		for _, link := range links {
			c.visit(tg, link)
		}
		return nil
	}, asyncio.WithName("GET "+url))
}

func (c *crawler) log(format string, args ...any) {
	fmt.Printf("%-5v  %s\n", c.loop.Time(), fmt.Sprintf(format, args...))
}

// A crawler with one task per page. All tasks are in one group, whose end is the end of
// the crawl, and of which two run at a time. Each request and the whole crawl have a time
// limit.
func Example_crawler() {
	web := map[string]webPage{
		"/":        {100 * time.Millisecond, []string{"/docs", "/blog", "/gone"}},
		"/docs":    {200 * time.Millisecond, []string{"/", "/api"}},
		"/blog":    {300 * time.Millisecond, []string{"/blog/1", "/blog/2", "/"}},
		"/api":     {50 * time.Millisecond, nil},
		"/blog/1":  {100 * time.Millisecond, []string{"/blog"}},
		"/blog/2":  {time.Minute, nil}, // it hangs
		"/private": {time.Millisecond, nil},
	}
	r := asyncio.Runner{Driver: driver.NewVirtual()} // the clock jumps to the next timer
	defer r.Close()
	err := r.Run(context.Background(), func(ctx context.Context) error {
		c := &crawler{web: web, loop: r.Loop(), visited: map[string]bool{}}
		err := asyncio.Timeout(ctx, time.Hour, func(ctx context.Context) error {
			return asyncio.WithTaskGroup(ctx, func(_ context.Context, tg *asyncio.TaskGroup) error {
				tg.SetLimit(2)
				c.visit(tg, "/")
				return nil
			})
		})
		c.log("%d pages requested", len(c.visited))
		return err
	})
	fmt.Println(err)
	// Output:
	// 100ms  /: 3 links
	// 300ms  /docs: 2 links
	// 300ms  /gone: no such page
	// 350ms  /api: 0 links
	// 400ms  /blog: 3 links
	// 500ms  /blog/1: 1 links
	// 1.4s   /blog/2: asyncio: timed out after 1s
	// 1.4s   7 pages requested
	// <nil>
}
