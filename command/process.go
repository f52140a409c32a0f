package command

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is what INFO tells about the process and the machine.
type Process struct {
	PID          int
	Executable   string
	OS           string
	RSS          int64 // bytes
	TotalMemory  int64 // of the machine, bytes
	User, System time.Duration
}

// ReadProcess asks the operating system. What it does not tell is zero.
func ReadProcess() Process {
	p := Process{PID: os.Getpid(), OS: osName()}
	p.Executable, _ = os.Executable()
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		p.User = time.Duration(u.Utime.Nano())
		p.System = time.Duration(u.Stime.Nano())
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if w := strings.Fields(string(text)); len(w) > 1 {
			pages, _ := strconv.ParseInt(w[1], 10, 64)
			p.RSS = pages * int64(os.Getpagesize())
		}
	}
	p.TotalMemory = totalMemory()
	return p
}

func osName() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return "Linux " + strings.TrimSpace(string(text))
}

func totalMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}
