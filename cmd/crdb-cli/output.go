package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// table collects rows of cells.
type table struct{ w *tabwriter.Writer }

func (t *table) row(cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

// print writes v as JSON or YAML, or as the table that fill makes.
func (a *app) print(v any, fill func(*table)) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	switch a.output {
	case "json":
		_, err = fmt.Fprintln(a.out, string(data))
	case "yaml":
		var b bytes.Buffer
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err = yaml(&b, d, 0, false); err == nil {
			_, err = io.Copy(a.out, &b)
		}
	default:
		t := &table{tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)}
		fill(t)
		err = t.w.Flush()
	}
	return err
}

// yaml rewrites the next JSON value as YAML, in the same order. inline says
// that the value begins on a line that has text already ("key:" or "-").
func yaml(b *bytes.Buffer, d *json.Decoder, indent int, inline bool) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		if inline {
			b.WriteByte(' ')
		}
		b.WriteString(scalar(tok))
		b.WriteByte('\n')
		return nil
	}
	if !d.More() {
		if inline {
			b.WriteByte(' ')
		}
		b.WriteString(map[json.Delim]string{'{': "{}\n", '[': "[]\n"}[delim])
		_, err = d.Token()
		return err
	}
	if inline {
		b.WriteByte('\n')
	}
	for d.More() {
		b.WriteString(strings.Repeat("  ", indent))
		if delim == '[' {
			b.WriteByte('-')
		} else {
			key, err := d.Token()
			if err != nil {
				return err
			}
			b.WriteString(scalar(key) + ":")
		}
		if err := yaml(b, d, indent+1, true); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// scalar writes a string so that every YAML reader takes it for a string, and
// all else as it is.
func scalar(tok any) string {
	s, ok := tok.(string)
	switch {
	case !ok && tok == nil:
		return "null"
	case !ok:
		return fmt.Sprint(tok)
	case plain(s):
		return s
	}
	return strconv.QuoteToASCII(s)
}

// plain reports whether a string needs no quotes: a word that begins with a
// letter and cannot be read as a boolean or null.
func plain(s string) bool {
	switch strings.ToLower(s) {
	case "", "y", "n", "yes", "no", "true", "false", "on", "off", "null", "inf", "nan":
		return false
	}
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789_-./", c)) {
			return false
		}
	}
	return true
}
