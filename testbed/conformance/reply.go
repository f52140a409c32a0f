package conformance

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// matches says whether a reply is the wanted one, written as in cases.txt.
func matches(want string, reply any, err error) bool {
	for _, one := range strings.Split(want, " or ") {
		if matchesOne(strings.TrimSpace(one), reply, err) {
			return true
		}
	}
	return false
}

func matchesOne(want string, reply any, err error) bool {
	switch {
	case want == "":
		return err == nil || errors.Is(err, redis.Nil)
	case want == "nil":
		return errors.Is(err, redis.Nil)
	case want == "error":
		return err != nil && !errors.Is(err, redis.Nil)
	case err != nil:
		return false
	case strings.HasPrefix(want, "ids "):
		return slices.EqualFunc(split(want[4:]), names(reply), func(pattern, name string) bool {
			ok, _ := path.Match(pattern, name)
			return ok
		})
	case want[0] == '[':
		return slices.Equal(split(want), items(reply))
	case want[0] == '{':
		return slices.Equal(sorted(split(want)), sorted(items(reply)))
	case want[0] == '~':
		limit, errLimit := strconv.ParseInt(want[1:], 10, 64)
		n, isInt := reply.(int64)
		return errLimit == nil && isInt && n <= limit && n >= limit-5
	}
	return fmt.Sprint(reply) == want
}

// split returns the parts of {a, b} or [a,b].
func split(text string) []string {
	text = text[1 : len(text)-1]
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// items returns the elements of an aggregate reply; those of a map as
// field:value.
func items(reply any) []string {
	var list []string
	switch r := reply.(type) {
	case []any:
		for _, v := range r {
			list = append(list, fmt.Sprint(v))
		}
	case map[any]any:
		for k, v := range r {
			list = append(list, fmt.Sprintf("%v:%v", k, v))
		}
	default:
		list = []string{fmt.Sprint(reply)}
	}
	return list
}

// names returns what the elements of a reply are called: of an entry of a stream
// its ID, of a map its "name"; the streams of XREAD are joined.
func names(reply any) (list []string) {
	switch r := reply.(type) {
	case []any:
		for _, v := range r {
			switch e := v.(type) {
			case []any:
				list = append(list, fmt.Sprint(e[0]))
			case map[any]any:
				list = append(list, fmt.Sprint(e["name"]))
			}
		}
	case map[any]any:
		for _, v := range r {
			list = append(list, names(v)...)
		}
	}
	return list
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// show writes a reply for people.
func show(reply any, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(reply)
}
