package oracle

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
)

// Reply is one reply as it came over the wire. Head is its first line without
// the line end, Body the bytes of a bulk string; two replies are the same
// bytes if and only if they are equal in the first three
// fields.
type Reply struct {
	Head  string
	Body  string
	Items []Reply // flat: a map of n pairs has 2n
	Aside []Reply // pushes that came in the middle of the reply: no part of it
}

// maxDepth bounds how deep replies may nest.
const maxDepth = 16

// ReadReply reads one reply of RESP2 or RESP3.
func ReadReply(r *bufio.Reader) (Reply, error) { return readReply(r, 0) }

func readReply(r *bufio.Reader, depth int) (Reply, error) {
	var rep Reply
	if depth > maxDepth {
		return rep, fmt.Errorf("reply nests too deep")
	}
	line, err := r.ReadString('\n')
	if err != nil {
		return rep, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return rep, fmt.Errorf("malformed reply line %q", line)
	}
	rep.Head = line[:len(line)-2]
	switch rep.Kind() {
	case '+', '-', ':', '_', ',', '#', '(':
		return rep, nil
	case '$', '=', '*', '~', '>', '%':
	default:
		return rep, fmt.Errorf("unknown reply type %q", rep.Head)
	}
	n, err := strconv.Atoi(rep.Head[1:])
	if err != nil {
		return rep, fmt.Errorf("malformed length %q", rep.Head)
	}
	if rep.Kind() == '$' || rep.Kind() == '=' {
		return rep, rep.readBody(r, n)
	}
	if rep.Kind() == '%' {
		n *= 2
	}
	for len(rep.Items) < n {
		item, err := readReply(r, depth+1)
		if err != nil {
			return rep, err
		}
		rep.Aside, item.Aside = append(rep.Aside, item.Aside...), nil
		if item.Kind() == '>' && rep.Kind() != '>' {
			rep.Aside = append(rep.Aside, item)
			continue
		}
		rep.Items = append(rep.Items, item)
	}
	return rep, nil
}

func (r *Reply) readBody(from *bufio.Reader, n int) error {
	if n < 0 {
		return nil
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, from, int64(n)+2); err != nil {
		return err
	}
	body := b.String()
	if body[n:] != "\r\n" {
		return fmt.Errorf("bulk string of %d bytes without its end", n)
	}
	r.Body = body[:n]
	return nil
}

// Kind is the type byte.
func (r *Reply) Kind() byte { return r.Head[0] }

// IsError says whether the reply is an error.
func (r *Reply) IsError() bool { return r.Kind() == '-' }

// IsNull says whether the reply is one of the nulls.
func (r *Reply) IsNull() bool { return r.Head == "_" || r.Head == "$-1" || r.Head == "*-1" }

// Int returns the number of an integer reply.
func (r *Reply) Int() (int64, bool) {
	if r.Kind() != ':' {
		return 0, false
	}
	n, err := strconv.ParseInt(r.Head[1:], 10, 64)
	return n, err == nil
}

// Wire returns the reply's bytes again: the key to compare by.
func (r *Reply) Wire() string {
	var b strings.Builder
	r.wire(&b)
	return b.String()
}

func (r *Reply) wire(b *strings.Builder) {
	b.WriteString(r.Head)
	b.WriteString("\r\n")
	if r.Kind() == '$' || r.Kind() == '=' {
		if !r.IsNull() {
			b.WriteString(r.Body)
			b.WriteString("\r\n")
		}
	}
	for i := range r.Items {
		r.Items[i].wire(b)
	}
}

// bag returns the items, taken width at a time, in an order that does not
// depend on how they came.
func (r *Reply) bag(width int) []string {
	var out []string
	for i := 0; i+width <= len(r.Items); i += width {
		group := ""
		for j := range width {
			group += r.Items[i+j].Wire()
		}
		out = append(out, group)
	}
	sort.Strings(out)
	return out
}

// String prints the reply much as redis-cli does.
func (r Reply) String() string {
	switch {
	case r.IsNull():
		return "(nil) " + r.Head
	case r.Kind() == '$':
		return quote(r.Body)
	case r.Kind() == '=':
		return "=" + quote(r.Body)
	case strings.IndexByte("*~%>", r.Kind()) >= 0:
		var items []string
		for _, it := range r.Items {
			items = append(items, it.String())
		}
		return r.Head + "[" + strings.Join(items, ", ") + "]"
	}
	return r.Head
}
