package command

import (
	"fmt"
	"strconv"
	"strings"
)

// How LATENCY GRAPH draws: columns of rows lines, each line of one of three
// characters or, below the top of a column, a bar.
const (
	graphColumns = 80
	graphRows    = 4
	graphSteps   = "_o#"
)

func latencyGraph(c *Context) {
	name := string(c.Args[2])
	samples, high := c.Server.latency.history(name)
	if len(samples) == 0 {
		c.Out.Error("ERR No samples available for event '" + echo(c.Args[2]) + "'")
		return
	}
	c.Out.Verbatim("txt", drawGraph(name, samples, high, c.S.now/1000))
}

// drawGraph draws samples as Redis does; under each column stands how long ago
// it was.
func drawGraph(name string, samples []latencySample, high, now int64) string {
	low, top := samples[0].millis, samples[0].millis
	for _, s := range samples {
		low, top = min(low, s.millis), max(top, s.millis)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s - high %d ms, low %d ms (all time high %d ms)\n", name, top, low, high)
	b.WriteString(strings.Repeat("-", graphColumns) + "\n")
	for at := 0; at < len(samples); at += graphColumns {
		if at > 0 {
			b.WriteByte('\n')
		}
		part := samples[at:min(at+graphColumns, len(samples))]
		drawColumns(&b, part, low, max(top-low, 1))
		drawAges(&b, part, now)
	}
	return b.String()
}

// drawColumns draws one line of columns; span is what the highest is above low.
func drawColumns(b *strings.Builder, samples []latencySample, low, span int64) {
	const steps = graphRows * len(graphSteps)
	for row := range graphRows {
		for _, s := range samples {
			step := min((s.millis-low)*int64(steps)/span, int64(steps-1))
			switch at := int(step) - (graphRows-row-1)*len(graphSteps); {
			case at < 0:
				b.WriteByte(' ')
			case at < len(graphSteps):
				b.WriteByte(graphSteps[at])
			default:
				b.WriteByte('|')
			}
		}
		b.WriteByte('\n')
	}
}

// drawAges writes an empty line and then the ages, from top to bottom.
func drawAges(b *strings.Builder, samples []latencySample, now int64) {
	longest := 0
	ages := make([]string, len(samples))
	for i, s := range samples {
		ages[i] = ageWord(now - s.when)
		longest = max(longest, len(ages[i]))
	}
	b.WriteString(strings.Repeat(" ", len(samples)) + "\n")
	for line := range longest {
		for _, age := range ages {
			if line < len(age) {
				b.WriteByte(age[line])
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
}

// ageWord is a number of seconds in its largest unit.
func ageWord(secs int64) string {
	switch {
	case secs < 60:
		return strconv.FormatInt(secs, 10) + "s"
	case secs < 3600:
		return strconv.FormatInt(secs/60, 10) + "m"
	case secs < 24*3600:
		return strconv.FormatInt(secs/3600, 10) + "h"
	}
	return strconv.FormatInt(secs/(24*3600), 10) + "d"
}
