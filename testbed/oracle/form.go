package oracle

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// form is a parsed form: it appends one random instance of itself.
type form func(r *rand.Rand, out []string) []string

// maxRepeat bounds how often a repeated group occurs.
const maxRepeat = 4

// parseForm parses a line of commandForms. It panics on a mistake: the forms
// are part of the program.
func parseForm(line string, pools map[string]form) form {
	p := formParser{rest: line, pools: pools}
	f := p.sequence()
	if p.rest != "" {
		panic(fmt.Sprintf("form %q: cannot read %q", line, p.rest))
	}
	return f
}

type formParser struct {
	rest  string
	pools map[string]form
}

// sequence reads elements up to the end, a bar or a closing bracket.
func (p *formParser) sequence() form {
	var parts []form
	for {
		p.rest = strings.TrimLeft(p.rest, " ")
		if p.rest == "" || strings.IndexByte("|)]", p.rest[0]) >= 0 {
			return func(r *rand.Rand, out []string) []string {
				for _, f := range parts {
					out = f(r, out)
				}
				return out
			}
		}
		parts = append(parts, p.repeated(p.element()))
	}
}

func (p *formParser) element() form {
	switch p.rest[0] {
	case '(':
		return p.choice()
	case '[':
		p.rest = p.rest[1:]
		f := p.sequence()
		p.expect(']')
		return func(r *rand.Rand, out []string) []string {
			if r.IntN(2) == 0 {
				return out
			}
			return f(r, out)
		}
	case '<':
		name, rest, _ := strings.Cut(p.rest[1:], ">")
		p.rest = rest
		pool := p.pools[name]
		if pool == nil {
			panic("no pool " + name)
		}
		return pool
	}
	end := strings.IndexAny(p.rest, " |)]*+")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return func(_ *rand.Rand, out []string) []string { return append(out, word) }
}

func (p *formParser) choice() form {
	var options []form
	for {
		p.rest = p.rest[1:] // ( or |
		options = append(options, p.sequence())
		if p.rest == "" || p.rest[0] != '|' {
			break
		}
	}
	p.expect(')')
	return func(r *rand.Rand, out []string) []string { return options[r.IntN(len(options))](r, out) }
}

func (p *formParser) repeated(f form) form {
	least := 0
	switch {
	case strings.HasPrefix(p.rest, "*"):
	case strings.HasPrefix(p.rest, "+"):
		least = 1
	default:
		return f
	}
	p.rest = p.rest[1:]
	return func(r *rand.Rand, out []string) []string {
		for n := least + r.IntN(maxRepeat-least); n > 0; n-- {
			out = f(r, out)
		}
		return out
	}
}

func (p *formParser) expect(ch byte) {
	if p.rest == "" || p.rest[0] != ch {
		panic(fmt.Sprintf("form: %q expected before %q", ch, p.rest))
	}
	p.rest = p.rest[1:]
}
