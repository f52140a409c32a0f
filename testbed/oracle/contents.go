package oracle

import "strconv"

// readers are the commands that show a value of a type.
var readers = map[string]string{"+string": "GET", "+set": "SMEMBERS", "+hash": "HGETALL", "+zset": "ZRANGE", "+list": "LRANGE", "+stream": "XINFO"}

// rest is what follows the key.
var rest = map[string][]string{"+zset": {"0", "-1", "WITHSCORES"}, "+list": {"0", "-1"}}

// contents compares everything the two servers hold.
func (r *run) contents() (*Difference, error) {
	l := r.links[0]
	if l.multi {
		if _, _, err := l.do("DISCARD"); err != nil {
			return nil, err
		}
		l.multi = false
	}
	for _, db := range databases {
		if diff, err := r.expect("SELECT", strconv.Itoa(db)); diff != nil || err != nil {
			return diff, err
		}
		if err := r.meetExpired(l); err != nil {
			return nil, err
		}
		diff, err := r.expect("KEYS", "*")
		if diff != nil || err != nil {
			return diff, err
		}
		keys, err := l.redis.do("KEYS", "*")
		if err != nil {
			return nil, err
		}
		for _, key := range elements(keys) {
			if diff, err := r.sameKey(key); diff != nil || err != nil {
				return diff, err
			}
		}
		if diff, err := r.expect("DBSIZE"); diff != nil || err != nil {
			return diff, err
		}
	}
	return nil, nil
}

// sameKey compares a key's type, value and deadline.
func (r *run) sameKey(key string) (*Difference, error) {
	typ, err := r.links[0].redis.do("TYPE", key)
	if err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"TYPE", key}, {"PEXPIRETIME", key}, reader(typ.Head, key)} {
		if args[0] == "" {
			continue
		}
		if diff, err := r.expect(args...); diff != nil || err != nil {
			return diff, err
		}
	}
	return nil, nil
}

// expect asks both servers and compares.
func (r *run) expect(args ...string) (*Difference, error) {
	l := r.links[0]
	redis, crdb, err := l.do(args...)
	if err != nil {
		return nil, err
	}
	if ok, err := r.judge(l, args, redis, crdb); ok || err != nil {
		return nil, err
	}
	return &Difference{Step: len(r.stream.Steps), Args: args, Redis: redis.String(), Crdb: crdb.String()}, nil
}

// reader is the command that shows a key of a type.
func reader(typ, key string) []string {
	if typ == "+stream" {
		return []string{"XINFO", "STREAM", key, "FULL", "COUNT", "0"}
	}
	return append([]string{readers[typ], key}, rest[typ]...)
}
