package scenario

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// maxFaults is how many faults a report names.
const maxFaults = 8

// Check reads everything that was written from one region and returns what
// the model cannot explain.
func (m *Model) Check(ctx context.Context, cl *redis.Client) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r report
	m.checkCounters(ctx, cl, &r)
	m.checkElements(ctx, cl, &r)
	m.checkStrings(ctx, cl, &r)
	return r.err()
}

func (m *Model) checkCounters(ctx context.Context, cl *redis.Client, r *report) {
	for at, c := range m.counters {
		read := cl.Get(ctx, at.key)
		switch {
		case strings.HasPrefix(at.key, "zset"):
			read = redis.NewStringCmd(ctx, "ZSCORE", at.key, at.member)
			cl.Process(ctx, read)
		case at.member != "":
			read = cl.HGet(ctx, at.key, at.member)
		}
		text, err := read.Result()
		if errors.Is(err, redis.Nil) {
			text, err = "0", nil
		}
		if err != nil {
			r.add("counter", at, err)
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			err = c.check(n)
		}
		r.add("counter", at, err)
	}
}

func (m *Model) checkElements(ctx context.Context, cl *redis.Client, r *report) {
	present := map[place]bool{}
	read := map[string]bool{}
	for at := range m.elements {
		if read[at.key] {
			continue
		}
		read[at.key] = true
		members, err := membersOf(ctx, cl, at.key)
		r.add("collection", place{key: at.key}, err)
		for _, member := range members {
			present[place{at.key, member}] = true
		}
	}
	for at, e := range m.elements {
		r.add("element", at, e.check(present[at]))
		delete(present, at)
	}
	for at := range present {
		if m.counters[at] == nil {
			r.add("element", at, errors.New("is there, but nobody added it"))
		}
	}
}

func membersOf(ctx context.Context, cl *redis.Client, key string) ([]string, error) {
	kind, err := cl.Type(ctx, key).Result()
	switch {
	case err != nil:
		return nil, err
	case kind == "hash":
		return cl.HKeys(ctx, key).Result()
	case kind == "list":
		return cl.LRange(ctx, key, 0, -1).Result()
	case kind == "stream":
		return valuesOf(ctx, cl, key)
	}
	return cl.SMembers(ctx, key).Result()
}

// valuesOf lists the first value of every entry of a stream.
func valuesOf(ctx context.Context, cl *redis.Client, key string) (values []string, err error) {
	entries, err := cl.XRange(ctx, key, "-", "+").Result()
	for _, e := range entries {
		for _, v := range e.Values {
			values = append(values, fmt.Sprint(v))
		}
	}
	return values, err
}

func (m *Model) checkStrings(ctx context.Context, cl *redis.Client, r *report) {
	for key, writes := range m.strings {
		got, err := cl.Get(ctx, key).Result()
		there := !errors.Is(err, redis.Nil)
		if err == nil || !there {
			err = checkString(writes, got, there, m.Skew)
		}
		r.add("string", place{key: key}, err)
	}
}

// report collects faults.
type report struct {
	faults []error
	more   int
}

func (r *report) add(what string, at place, err error) {
	switch {
	case err == nil:
	case len(r.faults) == maxFaults:
		r.more++
	default:
		r.faults = append(r.faults, fmt.Errorf("%s %q %q %w", what, at.key, at.member, err))
	}
}

func (r *report) err() error {
	if r.more > 0 {
		return errors.Join(append(r.faults, fmt.Errorf("and %d more", r.more))...)
	}
	return errors.Join(r.faults...)
}
