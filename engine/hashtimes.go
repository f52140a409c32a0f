package engine

import "crdb/crdt"

// FieldOutcome says what came of a field in HashExpire and HashPersist.
type FieldOutcome int

// The outcomes, with the numbers that clients get.
const (
	FieldMissing FieldOutcome = -2
	FieldUndated FieldOutcome = -1 // HashPersist: it has no deadline
	FieldKept    FieldOutcome = 0  // HashExpire: the condition does not hold
	FieldChanged FieldOutcome = 1
	FieldDeleted FieldOutcome = 2 // HashExpire: the deadline has passed already
)

// HashDeadline returns the deadline of a field in unix milliseconds, 0 for none.
func (t *Tx) HashDeadline(key, field []byte) (at int64, ok bool, err error) {
	h, err := t.readHash(key)
	if h == nil {
		return 0, false, err
	}
	at, ok = h.Deadline(field)
	return at, ok, nil
}

// HashExpire gives each of the fields the deadline at if allow says so of its
// present one; a deadline that is not in the future deletes them. A field that
// is named twice has the new deadline the second time.
func (t *Tx) HashExpire(key []byte, fields [][]byte, at int64, allow func(current int64) bool) ([]FieldOutcome, error) {
	out := make([]FieldOutcome, len(fields))
	n, h, err := t.fieldsToChange(key, out)
	if h == nil {
		return out, err
	}
	var chosen onceFields
	for i, f := range fields {
		current, ok := h.Deadline(f)
		if chosen.has(f) {
			current, ok = at, at > t.now
		}
		switch {
		case !ok:
			out[i] = FieldMissing
		case !allow(current):
			out[i] = FieldKept
		case at > t.now:
			out[i] = FieldChanged
			chosen.add(f)
		default:
			out[i] = FieldDeleted
			chosen.add(f)
		}
	}
	switch {
	case len(chosen.list) == 0:
	case at <= t.now:
		_, err = t.HashDelete(key, chosen.list)
	default:
		t.fieldDeadlines(n, chosen.list, func(int) int64 { return at })
	}
	return out, err
}

// HashPersist removes the deadlines of fields. For a field without one it still
// is an op: it beats a deadline that is set concurrently elsewhere.
func (t *Tx) HashPersist(key []byte, fields [][]byte) ([]FieldOutcome, error) {
	out := make([]FieldOutcome, len(fields))
	n, h, err := t.fieldsToChange(key, out)
	if h == nil {
		return out, err
	}
	var chosen onceFields
	dated := false
	for i, f := range fields {
		at, ok := h.Deadline(f)
		switch {
		case !ok:
			out[i] = FieldMissing
			continue
		case at == 0 || chosen.has(f):
			out[i] = FieldUndated
		default:
			out[i], dated = FieldChanged, true
		}
		chosen.add(f)
	}
	if len(chosen.list) > 0 {
		n.quiet = !dated
		t.fieldDeadlines(n, chosen.list, func(int) int64 { return 0 })
	}
	return out, nil
}

// fieldsToChange finds the hash of a key; h is nil and all fields are missing if
// there is none.
func (t *Tx) fieldsToChange(key []byte, out []FieldOutcome) (*entry, *crdt.Hash, error) {
	if n := t.change(key); !n.shows(t.now) {
		for i := range out {
			out[i] = FieldMissing
		}
		return nil, nil, nil
	}
	return t.changeHash(crdt.KindHashExpire, key)
}

// fieldDeadlines issues the op that changeHash(KindHashExpire) has readied.
func (t *Tx) fieldDeadlines(n *entry, fields [][]byte, at func(i int) int64) {
	h := n.obj.Hash()
	for i, f := range fields {
		h.PrepareDeadline(&t.op, f, at(i))
	}
	t.issue(n)
}

// onceFields is a list of names without repetitions.
type onceFields struct {
	list [][]byte
	seen map[string]struct{}
}

func (o *onceFields) has(f []byte) bool {
	_, ok := o.seen[string(f)]
	return ok
}

func (o *onceFields) add(f []byte) {
	if o.has(f) {
		return
	}
	if o.seen == nil {
		o.seen = map[string]struct{}{}
	}
	o.seen[string(f)] = struct{}{}
	o.list = append(o.list, f)
}

// fieldTimes are fields and their deadlines.
type fieldTimes struct {
	fields [][]byte
	at     []int64
}

// hashDeadlines copies the deadlines of the fields that have one.
func hashDeadlines(h *crdt.Hash) (list fieldTimes) {
	if !h.Dated() {
		return list
	}
	h.Each(func(f, _ []byte) bool {
		if at, _ := h.Deadline(f); at != 0 {
			list.fields, list.at = append(list.fields, append([]byte(nil), f...)), append(list.at, at)
		}
		return true
	})
	return list
}

// HashEachDated calls fn for the fields and their deadlines, 0 for none, until
// it returns false. fn must not write.
func (t *Tx) HashEachDated(key []byte, fn func(field, val []byte, at int64) bool) error {
	h, err := t.readHash(key)
	if h != nil {
		h.Each(func(f, v []byte) bool {
			at, _ := h.Deadline(f)
			return fn(f, v, at)
		})
	}
	return err
}

// HashFirstDeadline returns a time that no deadline of a field is before, 0 if
// no field has one.
func (t *Tx) HashFirstDeadline(key []byte) (int64, error) {
	h, err := t.readHash(key)
	if h == nil {
		return 0, err
	}
	return h.FirstDeadline(), nil
}

// HashSetDated sets fields, given as field, value, field, value, and their
// deadlines, which are in the future, or 0: as one atomic group.
func (t *Tx) HashSetDated(key []byte, pairs [][]byte, at []int64) error {
	var times fieldTimes
	var chosen onceFields
	for i := len(at) - 1; i >= 0; i-- { // of a field named twice the last counts, as in HashSet
		if f := pairs[2*i]; !chosen.has(f) {
			chosen.add(f)
			if at[i] != 0 {
				times.fields, times.at = append(times.fields, f), append(times.at, at[i])
			}
		}
	}
	t.group()
	if _, err := t.HashSet(key, pairs); err != nil {
		return err
	}
	t.setFieldDeadlines(key, times)
	return nil
}

// setFieldDeadlines gives the fields of a hash the deadlines of list.
func (t *Tx) setFieldDeadlines(key []byte, list fieldTimes) {
	if len(list.fields) == 0 {
		return
	}
	n, _, err := t.changeHash(crdt.KindHashExpire, key)
	if err != nil {
		panic(err) // the hash has just been made
	}
	t.fieldDeadlines(n, list.fields, func(i int) int64 { return list.at[i] })
}
