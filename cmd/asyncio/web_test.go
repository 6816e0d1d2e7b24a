package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
)

// web serves the page and the responses of the process to holders of the token, until it
// is interrupted.
func TestWeb(t *testing.T) {
	shop := open(t, "calm")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addresses := make(chan string, 1)
	ended := make(chan int)
	var errs bytes.Buffer
	go func() {
		ended <- run(ctx, []string{"web", "--stay", shop.pid}, &terminal{stderr: &errs, stdout: writerFunc(func(b []byte) (int, error) {
			addresses <- string(b)
			return len(b), nil
		})})
	}()
	address, rest, _ := strings.Cut(<-addresses, "\n")
	if rest != "Press Ctrl-C to stop.\n" {
		t.Errorf("after the address it prints %q", rest)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Jar: jar, Transport: transport}
	get := func(address string) (int, string) {
		t.Helper()
		r, err := browser.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(text)
	}
	base, _, _ := strings.Cut(address, "?")
	if status, _ := get(base + "api/snapshot"); status != http.StatusForbidden {
		t.Errorf("without the token: status %d, want 403", status)
	}
	if status, text := get(address); status != http.StatusOK || !strings.Contains(text, "<html") {
		t.Errorf("the page: status %d: %.200s", status, text)
	}
	if status, text := get(base + "api/snapshot"); status != http.StatusOK || !strings.Contains(text, `"guest"`) {
		t.Errorf("the snapshot: status %d: %.200s", status, text)
	}
	shop.end()
	if status, text := get(base + "api/snapshot"); status != http.StatusBadGateway {
		t.Errorf("after the end of the process: status %d, want 502: %.200s", status, text)
	}
	cancel()
	if status := <-ended; status != 0 || errs.Len() > 0 {
		t.Errorf("interrupted web: status %d: %s", status, errs.String())
	}
}
