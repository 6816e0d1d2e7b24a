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

// The page is served to who has the token, with the answers of the process, until it is interrupted.
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
	if rest != "Ctrl-C ends it\n" {
		t.Errorf("it says %q", rest)
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
		t.Errorf("without a token: status %d", status)
	}
	if status, text := get(address); status != http.StatusOK || !strings.Contains(text, "<html") {
		t.Errorf("status %d: %.200s", status, text)
	}
	if status, text := get(base + "api/snapshot"); status != http.StatusOK || !strings.Contains(text, `"guest"`) {
		t.Errorf("status %d: %.200s", status, text)
	}
	shop.end()
	if status, text := get(base + "api/snapshot"); status != http.StatusBadGateway {
		t.Errorf("after the end of the process: status %d: %.200s", status, text)
	}
	cancel()
	if status := <-ended; status != 0 || errs.Len() > 0 {
		t.Errorf("status %d: %s", status, errs.String())
	}
}
