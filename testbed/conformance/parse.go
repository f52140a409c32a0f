package conformance

import (
	"bufio"
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed cases.txt
var casesText string

// roles are the names that cases give to the three regions.
var roles = []string{"A", "B", "C"}

// Case is one line of cases.txt.
type Case struct {
	ID    string
	Later string // why it cannot run yet
	Steps []Step
}

// verb is what a step does.
type verb int

const (
	command verb = iota
	syncLinks
	linked
	wait
	restart
	subscribe
	receives
	watch
	note
)

// Step is one step of a case.
type Step struct {
	Text  string
	Time  string   // t1, or "" when none is given
	Roles []string // where
	Verb  verb
	Args  []string
	Reply string // wanted, or never wanted (watch); "" for any
	Pause time.Duration
}

var (
	timeForm     = regexp.MustCompile(`^(t\d+) (.*)$`)
	commandForm  = regexp.MustCompile(`^(?:expect )?(A|B|C|both|all):? (.+?)(?: -> (.*))?$`)
	syncForm     = regexp.MustCompile(`^sync(?:\(([ABC](?:,[ABC])*|all)\))?$`)
	receivesForm = regexp.MustCompile(`^expect ([ABC]) receives (?:(\S+) once|nothing)$`)
	watchForm    = regexp.MustCompile(`^watch ([ABC]): (.+) never (.+)$`)
	restartForm  = regexp.MustCompile(`^restart ([ABC])$`)
	waitForm     = regexp.MustCompile(`^wait (\d+)$`)
)

// Cases returns the cases of cases.txt.
func Cases() ([]Case, error) { return parse(casesText) }

func parse(text string) ([]Case, error) {
	var cases []Case
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		c, err := parseCase(line)
		if err != nil {
			return nil, fmt.Errorf("%w in: %s", err, line)
		}
		cases = append(cases, c)
	}
	return cases, lines.Err()
}

func parseCase(line string) (Case, error) {
	head, body, _ := strings.Cut(line, " | ")
	words := strings.Fields(head)
	if len(words) < 2 || words[0] != "CASE" {
		return Case{}, fmt.Errorf("no CASE and name")
	}
	c := Case{ID: words[1], Later: comesLater(words[1])}
	if c.Later != "" {
		return c, nil
	}
	for _, text := range strings.Split(body, " | ") {
		s, err := parseStep(text)
		if err != nil {
			return Case{}, err
		}
		c.Steps = append(c.Steps, s)
	}
	return c, nil
}

func parseStep(text string) (Step, error) {
	s := Step{Text: text}
	if m := timeForm.FindStringSubmatch(text); m != nil {
		s.Time, text = m[1], m[2]
	}
	if strings.HasPrefix(text, "note ") {
		s.Verb = note
	} else if text == "linked" {
		s.Verb = linked
	} else if m := syncForm.FindStringSubmatch(text); m != nil {
		s.Verb, s.Roles = syncLinks, rolesOf(m[1])
	} else if m := waitForm.FindStringSubmatch(text); m != nil {
		ms, _ := strconv.Atoi(m[1])
		s.Verb, s.Pause = wait, time.Duration(ms)*time.Millisecond
	} else if m := restartForm.FindStringSubmatch(text); m != nil {
		s.Verb, s.Roles = restart, rolesOf(m[1])
	} else if m := receivesForm.FindStringSubmatch(text); m != nil {
		s.Verb, s.Roles, s.Reply = receives, rolesOf(m[1]), m[2]
	} else if m := watchForm.FindStringSubmatch(text); m != nil {
		s.Verb, s.Roles, s.Args, s.Reply = watch, rolesOf(m[1]), strings.Fields(m[2]), m[3]
	} else if m := commandForm.FindStringSubmatch(text); m != nil {
		s.Verb, s.Roles, s.Args, s.Reply = command, rolesOf(m[1]), strings.Fields(m[2]), m[3]
		if s.Args[0] == "SUBSCRIBE" {
			s.Verb = subscribe
		}
	} else {
		return s, fmt.Errorf("cannot read the step %q", text)
	}
	return s, nil
}

func rolesOf(text string) []string {
	switch text {
	case "", "all", "both":
		return roles
	}
	return strings.Split(text, ",")
}
