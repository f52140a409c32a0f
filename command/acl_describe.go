package command

import "strings"

// flagWords are the flags of ACL GETUSER and LIST.
func (r *rights) flagWords() []string {
	words := []string{"off"}
	if r.on {
		words[0] = "on"
	}
	if r.noPass {
		words = append(words, "nopass")
	}
	switch r.sanitize {
	case sanitizeSkip:
		words = append(words, "skip-sanitize-payload")
	case sanitizeDo:
		words = append(words, "sanitize-payload")
	}
	return words
}

// describe writes the rights as rules that make them again.
func (r *rights) describe(w *aclWords) string {
	parts := r.flagWords()
	for _, p := range r.passwords {
		parts = append(parts, "#"+p)
	}
	for i, s := range r.selectors {
		text := s.describe(w)
		if i > 0 {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func (s *selector) describe(w *aclWords) string {
	parts := make([]string, 0, 3)
	if keys := s.keyRules(); keys != "" {
		parts = append(parts, keys)
	}
	if !s.allChannels {
		parts = append(parts, "resetchannels")
	}
	if channels := s.channelRules(); channels != "" {
		parts = append(parts, channels)
	}
	return strings.Join(append(parts, s.commandRules(w)), " ")
}

func (s *selector) keyRules() string {
	if s.allKeys {
		return "~*"
	}
	rules := make([]string, len(s.keys))
	for i, k := range s.keys {
		rules[i] = [...]string{"", "%R", "%W", ""}[k.may] + "~" + k.glob
	}
	return strings.Join(rules, " ")
}

func (s *selector) channelRules() string {
	if s.allChannels {
		return "&*"
	}
	rules := make([]string, len(s.channels))
	for i, c := range s.channels {
		rules[i] = "&" + c
	}
	return strings.Join(rules, " ")
}

// commandRules finds few rules that permit exactly these commands, in Redis's
// way: from all or nothing, first whole categories, the best fit each time,
// then single commands. Those come by name here, in no order in Redis.
func (s *selector) commandRules(w *aclWords) string {
	if s.all {
		return "+@all"
	}
	fake, rest := newSelector(w, false), s.clone()
	fake.everything(s.future)
	sign, back := "+", "-"
	if s.future {
		sign, back = "-", "+"
	}
	rules := []string{back + "@all"}
	rs, used := ruleSet{words: w}, make(map[string]bool)
	for {
		best := rest.bestCategory(w, s.future, used)
		if best == "" {
			break
		}
		used[best] = true
		_ = rs.addCategory(fake, best, !s.future) // the name is right
		_ = rs.addCategory(rest, best, s.future)
		rules = append(rules, sign+"@"+best)
	}
	w.each(func(c *aclWord) {
		on := s.commands.has(c.id)
		if on != fake.commands.has(c.id) {
			rules = append(rules, map[bool]string{true: "+", false: "-"}[on]+c.name)
			fake.allow(c, on)
		}
		if !on {
			for _, arg := range s.firstArgs[c.id] {
				rules = append(rules, "+"+c.name+"|"+arg)
			}
		}
	})
	return strings.Join(rules, " ")
}

// bestCategory returns the category with the fewest commands that do not fit,
// if more of them fit than not.
func (s *selector) bestCategory(w *aclWords, removing bool, used map[string]bool) (best string) {
	var count [32]struct{ on, off int }
	w.each(func(c *aclWord) {
		on := s.commands.has(c.id)
		for i := range categoryNames {
			if c.categories&(1<<i) == 0 {
				continue
			}
			if on != removing {
				count[i].on++
			} else {
				count[i].off++
			}
		}
	})
	leastDiff, mostSame := int(^uint(0)>>1), 0
	for i, name := range categoryNames {
		same, diff := count[i].on, count[i].off
		if used[name] || same <= diff {
			continue
		}
		if diff < leastDiff || diff == leastDiff && same > mostSame {
			best, leastDiff, mostSame = name, diff, same
		}
	}
	return best
}
