package command

import (
	"errors"
	"slices"
	"strings"

	"crdb/resp"
)

// What can be wrong with a rule, in Redis's words.
var (
	errRuleName    = errors.New("Unknown command or category name in ACL")
	errRuleSyntax  = errors.New("Syntax error")
	errRuleKeys    = errors.New("Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns")
	errRuleChannel = errors.New("Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels")
	errRuleNoPass  = errors.New("The password you are trying to remove from the user does not exist")
	errRuleHash    = errors.New("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters")
	errRuleChild   = errors.New("Allowing first-arg of a subcommand is not supported")
)

// ruleSet applies rules to rights.
type ruleSet struct {
	words       *aclWords
	allChannels bool // acl-pubsub-default
}

// apply changes r by one rule of ACL SETUSER. r is not yet in use.
func (rs ruleSet) apply(r *rights, rule string) error {
	switch word := strings.ToLower(rule); {
	case rule == "":
	case word == "on", word == "off":
		r.on = word == "on"
	case word == "nopass":
		r.noPass, r.passwords = true, nil
	case word == "resetpass":
		r.noPass, r.passwords = false, nil
	case word == "skip-sanitize-payload":
		r.sanitize = sanitizeSkip
	case word == "sanitize-payload":
		r.sanitize = sanitizeDo
	case word == "clearselectors":
		r.selectors = r.selectors[:1]
	case word == "reset":
		*r = *newRights(rs.words, rs.allChannels)
		r.sanitize = sanitizeDo
	case strings.IndexByte("><#!", rule[0]) >= 0:
		return r.password(rule[0], rule[1:])
	case rule[0] == '(' && rule[len(rule)-1] == ')':
		return rs.addSelector(r, rule[1:max(len(rule)-1, 1)])
	default:
		return rs.applyTo(r.selectors[0], rule)
	}
	return nil
}

// password adds or removes a password given in clear (> <) or as its hash (# !).
func (r *rights) password(op byte, text string) error {
	hash := text
	if op == '>' || op == '<' {
		hash = hashPassword([]byte(text))
	} else if len(text) != 64 || strings.Trim(text, "0123456789abcdef") != "" {
		return errRuleHash
	}
	i := slices.Index(r.passwords, hash)
	if op == '>' || op == '#' {
		if i < 0 {
			r.passwords = append(r.passwords, hash)
		}
		r.noPass = false
		return nil
	}
	if i < 0 {
		return errRuleNoPass
	}
	r.passwords = slices.Delete(r.passwords, i, i+1)
	return nil
}

func (rs ruleSet) addSelector(r *rights, text string) error {
	s := newSelector(rs.words, rs.allChannels)
	for _, rule := range splitRules(text) {
		if err := rs.applyTo(s, rule); err != nil {
			return err
		}
	}
	r.selectors = append(r.selectors, s)
	return nil
}

// splitRules cuts a selector into its rules as an inline command is cut. Like
// Redis it finds none where quotes are not closed.
func splitRules(text string) []string {
	var p resp.Parser
	lim := resp.Limits{MaxArgs: maxArgs, MaxInline: maxInline, MaxBulk: maxInline, MaxQuery: maxInline}
	args, _, err := p.Next([]byte(" "+text+"\n"), lim)
	if err != nil {
		return nil
	}
	rules := make([]string, len(args))
	for i, a := range args {
		rules[i] = string(a)
	}
	return rules
}

// applyTo changes one selector.
func (rs ruleSet) applyTo(s *selector, rule string) error {
	switch word := strings.ToLower(rule); {
	case word == "allkeys" || word == "~*":
		s.allKeys, s.keys = true, nil
	case word == "resetkeys":
		s.allKeys, s.keys = false, nil
	case word == "allchannels" || word == "&*":
		s.allChannels, s.channels = true, nil
	case word == "resetchannels":
		s.allChannels, s.channels = false, nil
	case word == "allcommands" || word == "+@all":
		s.everything(true)
	case word == "nocommands" || word == "-@all":
		s.everything(false)
	case rule == "":
		return errRuleSyntax
	case rule[0] == '~' || rule[0] == '%':
		return s.addKeys(rule)
	case rule[0] == '&':
		return s.addChannel(rule[1:])
	case rule[0] != '+' && rule[0] != '-':
		return errRuleSyntax
	case strings.HasPrefix(rule[1:], "@"):
		return rs.addCategory(s, strings.ToLower(rule[2:]), rule[0] == '+')
	case rule[0] == '+' && strings.Contains(rule, "|"):
		return rs.addSub(s, rule[1:])
	default:
		c := rs.words.byName[strings.ToLower(rule[1:])]
		if c == nil {
			return errRuleName
		}
		s.allow(c, rule[0] == '+')
	}
	return nil
}

func (s *selector) everything(on bool) {
	s.all, s.future, s.firstArgs = on, on, nil
	for i := range s.commands {
		s.commands[i] = 0
		if on {
			s.commands[i] = ^uint64(0)
		}
	}
}

// allow permits or forbids a command with all its subcommands.
func (s *selector) allow(c *aclWord, on bool) {
	s.all = s.all && on
	s.commands.set(c.id, on)
	delete(s.firstArgs, c.id)
	for _, sub := range c.subs {
		s.commands.set(sub.id, on)
	}
}

func (rs ruleSet) addCategory(s *selector, name string, on bool) error {
	bit := category(name)
	if bit == 0 {
		return errRuleName
	}
	rs.words.each(func(c *aclWord) {
		if c.categories&bit != 0 {
			s.allow(c, on)
		}
	})
	return nil
}

// addSub permits one subcommand, or a command with one first argument.
func (rs ruleSet) addSub(s *selector, rule string) error {
	cut := strings.LastIndexByte(rule, '|')
	c, sub := rs.words.byName[strings.ToLower(rule[:cut])], rule[cut+1:]
	switch {
	case c == nil:
		return errRuleName
	case c.parent != nil:
		return errRuleChild
	case sub == "":
		return errRuleSyntax
	case len(c.subs) > 0:
		if c = rs.words.byName[strings.ToLower(rule)]; c == nil {
			return errRuleName
		}
		s.allow(c, true)
		return nil
	}
	if s.firstArgs == nil {
		s.firstArgs = make(map[int][]string)
	}
	for _, there := range s.firstArgs[c.id] {
		if strings.EqualFold(there, sub) {
			return nil
		}
	}
	s.firstArgs[c.id] = append(s.firstArgs[c.id], sub)
	return nil
}

// addKeys reads ~pattern, %R~pattern, %W~pattern and %RW~pattern.
func (s *selector) addKeys(rule string) error {
	if s.allKeys {
		return errRuleKeys
	}
	p := keyPattern{may: mayRead | mayWrite}
	if rule[0] == '~' {
		p.glob = rule[1:]
	} else {
		var ok bool
		if p, ok = parseLimitedKeys(rule[1:]); !ok {
			return errRuleSyntax
		}
	}
	if hasSpaces(p.glob) {
		return errRuleSyntax
	}
	for i := range s.keys {
		if s.keys[i].glob == p.glob {
			s.keys[i].may |= p.may
			return nil
		}
	}
	s.keys = append(s.keys, p)
	return nil
}

func parseLimitedKeys(text string) (p keyPattern, ok bool) {
	for i := 0; i < len(text); i++ {
		may := permission(0)
		switch text[i] {
		case 'r', 'R':
			may = mayRead
		case 'w', 'W':
			may = mayWrite
		case '~':
			p.glob = text[i+1:]
			return p, p.may != 0
		}
		if may == 0 || p.may&may != 0 {
			return p, false
		}
		p.may |= may
	}
	return p, p.may != 0
}

func (s *selector) addChannel(glob string) error {
	if s.allChannels {
		return errRuleChannel
	}
	if hasSpaces(glob) {
		return errRuleSyntax
	}
	if !slices.Contains(s.channels, glob) {
		s.channels = append(s.channels, glob)
	}
	return nil
}

// hasSpaces reports what names and patterns may not have.
func hasSpaces(s string) bool { return strings.ContainsAny(s, " \t\n\v\f\r\x00") }

// mergeSelectors joins arguments from "(" to ")" into one rule. bad is the
// index of the first that is not closed, -1 if there is none.
func mergeSelectors(args [][]byte) (rules []string, bad int) {
	open := -1
	for i, a := range args {
		rule := string(a)
		closes := strings.HasSuffix(rule, ")")
		switch {
		case open >= 0:
			rules[len(rules)-1] += " " + rule
			if closes {
				open = -1
			}
		case strings.HasPrefix(rule, "(") && !closes:
			open = i
			rules = append(rules, rule)
		default:
			rules = append(rules, rule)
		}
	}
	return rules, open
}
