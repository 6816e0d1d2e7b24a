package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Go's own source tree, beside find and two sha256sum at a time: in one run, since a machine is
// not the same from one minute to the next. The bar is a ratio of 1.1, and 64 MiB.
func BenchmarkGoSource(b *testing.B) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	src := strings.TrimSpace(string(goroot)) + "/src"
	var ours, theirs time.Duration
	memory := int64(0)
	for i := -1; i < b.N; i++ { // the first of both warms the cache
		took, kib := measure(b, command(b, "/", src))
		tookThem, _ := measure(b, exec.Command("sh", "-c", `find "$1" -type f -print0 | xargs -0 -n 64 -P 2 sha256sum`, "sh", src))
		if i >= 0 {
			ours, theirs, memory = ours+took, theirs+tookThem, max(memory, kib)
		}
	}
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/op")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "sha256sum-ns/op")
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	b.ReportMetric(float64(memory)/1024, "MiB")
}

// measure runs a command and returns how long it took, and the most memory that it had, in KiB.
func measure(b *testing.B, cmd *exec.Cmd) (time.Duration, int64) {
	began := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(began), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
}
