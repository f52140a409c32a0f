package cluster

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// alarms are what no log of a healthy node holds.
var alarms = []string{"panic:", "command panicked", "fatal error:", "WARNING: DATA RACE", "goroutine stack exceeds"}

// Logs returns the last lines of every node's log.
func (c *Cluster) Logs(lines int) string {
	var b strings.Builder
	for _, r := range c.all {
		n := c.nodes[r]
		if n == nil {
			continue
		}
		data, err := os.ReadFile(n.log)
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "--- log of %s, last %d lines\n%s\n", r, lines, tail(data, lines))
	}
	return b.String()
}

// Alarms returns what the logs hold of crashes and data races.
func (c *Cluster) Alarms() []string {
	var found []string
	for _, r := range c.all {
		data, err := os.ReadFile(c.nodes[r].log)
		if err != nil {
			found = append(found, err.Error())
			continue
		}
		for _, word := range alarms {
			if at := bytes.Index(data, []byte(word)); at >= 0 {
				found = append(found, fmt.Sprintf("%s: %s", r, data[at:min(at+4000, len(data))]))
			}
		}
	}
	return found
}

func tail(data []byte, lines int) []byte {
	data = bytes.TrimRight(data, "\n")
	at := len(data)
	for range lines {
		next := bytes.LastIndexByte(data[:at], '\n')
		if next < 0 {
			return data
		}
		at = next
	}
	return data[at+1:]
}
