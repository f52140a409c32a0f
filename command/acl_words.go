package command

import "sort"

// aclWord is a command or subcommand that ACL rules may name. All commands of
// redis-server are known, also those this table does not have.
type aclWord struct {
	name       string
	id         int
	categories ACLCategory
	parent     *aclWord
	subs       []*aclWord // by name
}

// aclWords is the vocabulary of ACL rules. It never changes once made.
type aclWords struct {
	byName map[string]*aclWord
	top    []*aclWord // without subcommands, by name
}

// newACLWords numbers the table's commands by their index, and the others that
// are known from the facts behind them.
func newACLWords(t *Table, known map[string]*facts) *aclWords {
	w := &aclWords{byName: make(map[string]*aclWord, len(known))}
	for _, c := range t.all {
		w.byName[c.Name] = &aclWord{name: c.Name, id: c.index, categories: c.Categories}
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if w.byName[name] == nil {
			w.byName[name] = &aclWord{name: name, id: len(w.byName), categories: known[name].Categories}
		}
	}
	w.link()
	return w
}

// link joins subcommands to their containers.
func (w *aclWords) link() {
	names := make([]string, 0, len(w.byName))
	for name := range w.byName {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		word := w.byName[name]
		if parent := w.byName[container(name)]; parent != nil {
			word.parent = parent
			parent.subs = append(parent.subs, word)
			continue
		}
		w.top = append(w.top, word)
	}
}

// container returns the first part of "config|get", or "" if there is but one.
func container(name string) string {
	for i := range name {
		if name[i] == '|' {
			return name[:i]
		}
	}
	return ""
}

// each calls f for every word, subcommands behind their container.
func (w *aclWords) each(f func(*aclWord)) {
	for _, word := range w.top {
		f(word)
		for _, sub := range word.subs {
			f(sub)
		}
	}
}

// category returns the bit of a category's name, 0 if there is none.
func category(name string) ACLCategory {
	for i, n := range categoryNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}
