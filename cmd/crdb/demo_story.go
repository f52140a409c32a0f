package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// line is a command somebody sends to one region.
type line struct {
	region int
	args   []string
	why    string
}

// row is one key of the tables: how it is read, and what must come out at the
// end.
type row struct {
	title string
	args  []string
	want  string
}

const (
	east = iota
	west
	south
)

// before is written while all regions see each other, apart while none does.
var (
	before = []line{
		{east, []string{"INCRBY", "visits", "10"}, ""},
		{east, []string{"SADD", "tags", "whale", "sea"}, ""},
		{west, []string{"HSET", "user:1", "name", "Ann", "city", "Rome"}, ""},
		{west, []string{"SET", "note", "draft"}, ""},
		{south, []string{"SET", "title", "Moby Dick"}, ""},
	}
	apart = []line{
		{east, []string{"INCRBY", "visits", "5"}, "counters add up"},
		{west, []string{"INCRBY", "visits", "7"}, ""},
		{south, []string{"DECRBY", "visits", "2"}, ""},
		{east, []string{"SREM", "tags", "whale"}, "removing takes only what was seen ..."},
		{west, []string{"SADD", "tags", "whale"}, "... so the concurrent add wins"},
		{south, []string{"SADD", "tags", "novel"}, ""},
		{east, []string{"HSET", "user:1", "city", "Paris"}, "fields merge one by one"},
		{west, []string{"HSET", "user:1", "mail", "ann@example.org"}, ""},
		{south, []string{"HDEL", "user:1", "name"}, ""},
		{east, []string{"DEL", "note"}, "a delete does not take what it has not seen"},
		{west, []string{"SET", "note", "final"}, ""},
		{east, []string{"SET", "title", "Moby-Dick"}, "of two strings the newer one stays"},
		{south, []string{"SET", "title", "Moby-Dick; or, The Whale"}, ""},
	}
	rows = []row{
		{"GET visits", []string{"GET", "visits"}, "20"},
		{"SMEMBERS tags", []string{"SMEMBERS", "tags"}, "novel sea whale"},
		{"HGETALL user:1", []string{"HGETALL", "user:1"}, "city=Paris mail=ann@example.org"},
		{"GET note", []string{"GET", "note"}, "final"},
		{"GET title", []string{"GET", "title"}, "Moby-Dick; or, The Whale"},
	}
)

// story tells it. It fails if anything is not as told.
func (d *demo) story(ctx context.Context) error {
	d.say("\n1. All regions are connected. A write anywhere shows everywhere.\n")
	if err := d.play(ctx, before); err != nil {
		return err
	}
	took, err := d.agree(ctx, nil)
	if err != nil {
		return err
	}
	d.say("\n   after %d ms:\n", took.Milliseconds())
	if err := d.table(ctx); err != nil {
		return err
	}
	d.say("\n2. Every link between the regions is cut. Each goes on alone, at full speed.\n")
	d.cut(true)
	if err := d.play(ctx, apart); err != nil {
		return err
	}
	d.say("\n   before the heal, three truths:\n")
	if err := d.table(ctx); err != nil {
		return err
	}
	if err := d.differ(ctx); err != nil {
		return err
	}
	d.say("\n3. The links are restored.")
	d.cut(false)
	if took, err = d.agree(ctx, wanted()); err != nil {
		d.table(ctx)
		return err
	}
	d.say("   after %d ms, one truth, and no write lost:\n", took.Milliseconds())
	return d.table(ctx)
}

// play sends commands, a moment apart, so that "newer" means something.
func (d *demo) play(ctx context.Context, lines []line) error {
	for _, l := range lines {
		time.Sleep(3 * time.Millisecond)
		if _, err := d.conns[l.region].do(ctx, l.args...); err != nil {
			return fmt.Errorf("%s: %s: %w", demoRegions[l.region], strings.Join(l.args, " "), err)
		}
		text := "   " + pad(demoRegions[l.region], 10) + "> " + quote(l.args)
		if l.why != "" {
			text = pad(text, 60) + l.why
		}
		d.say("%s", text)
	}
	return nil
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(1, n-len(s))) }

// quote writes a command as one would type it.
func quote(args []string) string {
	words := slices.Clone(args)
	for i, w := range words {
		if strings.ContainsAny(w, " ;") {
			words[i] = `"` + w + `"`
		}
	}
	return strings.Join(words, " ")
}

// view is what one region shows of all rows.
func (d *demo) view(ctx context.Context, region int) ([]string, error) {
	var view []string
	for _, r := range rows {
		v, err := d.conns[region].do(ctx, r.args...)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", demoRegions[region], r.title, err)
		}
		view = append(view, show(r.args[0], v))
	}
	return view, nil
}

// show writes a reply as one line, the same for the same set or hash.
func show(command string, v any) string {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return "(nil)"
		}
		return fmt.Sprint(v)
	}
	var words []string
	for i, x := range list {
		switch {
		case command != "HGETALL":
			words = append(words, fmt.Sprint(x))
		case i%2 == 1:
			words = append(words, fmt.Sprint(list[i-1], "=", x))
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func (d *demo) table(ctx context.Context) error {
	w := tabwriter.NewWriter(d.app.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "   \t%s\n", strings.Join(demoRegions, "\t"))
	views := make([][]string, len(demoRegions))
	for i := range demoRegions {
		var err error
		if views[i], err = d.view(ctx, i); err != nil {
			return err
		}
	}
	for r, x := range rows {
		fmt.Fprintf(w, "   %s", x.title)
		for i := range demoRegions {
			fmt.Fprintf(w, "\t%s", views[i][r])
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func wanted() []string {
	var l []string
	for _, r := range rows {
		l = append(l, r.want)
	}
	return l
}

// agree waits until all regions show the same, and, if want is given, that.
func (d *demo) agree(ctx context.Context, want []string) (time.Duration, error) {
	begin := time.Now()
	for {
		views := make([][]string, len(demoRegions))
		same := true
		for i := range demoRegions {
			var err error
			if views[i], err = d.view(ctx, i); err != nil {
				return 0, err
			}
			same = same && slices.Equal(views[i], views[0])
		}
		switch {
		case same && want == nil && !slices.Contains(views[0], "(nil)") && !slices.Contains(views[0], ""):
			return time.Since(begin), nil
		case same && want != nil && slices.Equal(views[0], want):
			return time.Since(begin), nil
		case time.Since(begin) > demoPatience:
			return 0, fmt.Errorf("the regions do not agree after %v: %q", demoPatience, views)
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// differ checks that the cut was one: each region has its own count.
func (d *demo) differ(ctx context.Context) error {
	for i, want := range []string{"15", "17", "8"} {
		v, err := d.conns[i].do(ctx, "GET", "visits")
		if err != nil {
			return err
		}
		if v != want {
			return fmt.Errorf("%s shows %v visits while it is cut off; %s is right", demoRegions[i], v, want)
		}
	}
	return nil
}
