package regions

import (
	"fmt"
	"strings"
	"time"

	"crdb/testbed/oracle"
)

// names are the regions, in the order of their replica IDs.
var names = []string{"a", "b", "c"}

// step is one step of a schedule.
type step struct {
	verb string // command, sync, push, kill, sleep or agree
	at   []string
	args []string
}

// schedule is what happens, in order.
type schedule []step

// String prints a schedule as parseSchedule reads it.
func (s schedule) String() string {
	var b strings.Builder
	for _, st := range s {
		b.WriteString(st.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// String prints a command as "a: SET k v", any other step as its words.
func (st step) String() string {
	if st.verb == "command" {
		return st.at[0] + ": " + oracle.Line(st.args)
	}
	return strings.Join(append(append([]string{st.verb}, st.at...), st.args...), " ")
}

// parseSchedule reads steps, one a line. Lines that are empty or begin with #
// are left out.
func parseSchedule(text string) (schedule, error) {
	var s schedule
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		st, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		s = append(s, st)
	}
	return s, nil
}

func parseStep(line string) (step, error) {
	if region, rest, ok := strings.Cut(line, ": "); ok && !strings.Contains(region, " ") {
		args, err := oracle.Words(rest)
		return step{verb: "command", at: []string{region}, args: args}, err
	}
	words := strings.Fields(line)
	switch words[0] {
	case "sleep":
		_, err := time.ParseDuration(words[len(words)-1])
		return step{verb: "sleep", args: words[1:]}, err
	case "sync", "push", "kill", "agree":
		return step{verb: words[0], at: words[1:]}, nil
	}
	return step{}, fmt.Errorf("cannot read %q", line)
}
