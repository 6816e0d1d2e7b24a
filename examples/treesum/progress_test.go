package main

import (
	"testing"
	"time"
)

func TestProgressText(t *testing.T) {
	for _, c := range []struct {
		files, bytes, allFiles, allBytes int64
		counted, endless                 bool
		text                             string
	}{
		{0, 0, 0, 0, false, false, "0/0+ files, 0.0 b of 0.0 b+, 0.0 b/s, counting"},
		{5, 1 << 20, 60, 4 << 20, false, false, "5/60+ files, 1.0 MiB of 4.0 MiB+, 512.0 KiB/s, counting"},
		{0, 0, 60, 4 << 20, true, false, "0/60 files, 0.0 b of 4.0 MiB, 0.0 b/s, - left"},
		{16, 1 << 20, 64, 4 << 20, true, false, "16/64 files, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6s left"},
		{0, 2 << 30, 1, 4 << 30, true, false, "0/1 files, 2.0 GiB of 4.0 GiB, 1.0 GiB/s, 2s left"},
		{50, 0, 100, 0, true, false, "50/100 files, 0.0 b of 0.0 b, 0.0 b/s, 2s left"},                 // empty files take time, too
		{64, 5 << 20, 64, 4 << 20, true, false, "64/64 files, 5.0 MiB of 5.0 MiB, 2.5 MiB/s, 0s left"}, // the files have grown
		{5, 1 << 20, 0, 0, false, true, "5 files, 1.0 MiB, 512.0 KiB/s"},
	} {
		m := &meter{endless: c.endless}
		m.files.Store(c.files)
		m.bytes.Store(c.bytes)
		m.allFiles.Store(c.allFiles)
		m.allBytes.Store(c.allBytes)
		m.counted.Store(c.counted)
		if text := m.text(2 * time.Second); text != c.text {
			t.Errorf("got  %s\nwant %s", text, c.text)
		}
	}
}

func TestMeterCounts(t *testing.T) {
	t.Chdir(makeTree(t, map[string]string{"a": "a", "dir/b": "bb", "dir/c": ""}))
	w, err := newListing([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{}
	if err := m.count(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if files, bytes := m.allFiles.Load(), m.allBytes.Load(); files != 3 || bytes != 3 || !m.counted.Load() {
		t.Errorf("got %d files with %d bytes, counted %v; want 3 files with 3 bytes, true", files, bytes, m.counted.Load())
	}
}
