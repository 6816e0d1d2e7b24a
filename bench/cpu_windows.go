package main

import (
	"syscall"
	"time"
)

// cpuTime returns the CPU time of all threads of the process, in steps of some 16 ms.
func cpuTime() time.Duration {
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		panic(err)
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(process, &created, &exited, &kernel, &user); err != nil {
		panic(err)
	}
	return duration(kernel) + duration(user)
}

// duration converts a Filetime that counts from 0, not from 1601.
func duration(f syscall.Filetime) time.Duration {
	return 100 * time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime))
}
