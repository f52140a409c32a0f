package scenario

import "errors"

// element is a member of a set or a field of a hash that is added once in its
// life.
type element struct {
	added   write
	removed []write // by those who saw it
}

// Insert tells of the one addition of an element.
func (m *Model) Insert(key, member string, w write) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.element(key, member).added = m.blurred(w)
}

// Remove tells of a removal that saw the element or, if its fate is unknown,
// may have seen it.
func (m *Model) Remove(key, member string, w write) {
	if w.fate == never {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.element(key, member)
	e.removed = append(e.removed, m.blurred(w))
}

// RemoveAny tells of a removal of everything in a key whose reply did not
// come: it may have seen any element.
func (m *Model) RemoveAny(key string, w write) {
	if w.fate == never {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, e := range m.elements {
		if at.key == key {
			e.removed = append(e.removed, m.blurred(w))
		}
	}
}

func (m *Model) element(key, member string) *element {
	at := place{key, member}
	if m.elements[at] == nil {
		m.elements[at] = &element{}
	}
	return m.elements[at]
}

// check judges whether an element is there.
func (e *element) check(present bool) error {
	if present && e.added.fate == never {
		return errors.New("is there, but nobody added it")
	}
	for _, r := range e.removed {
		if r.fate == sure {
			if present {
				return errors.New("is there after an acknowledged removal in " + r.region + " that saw it")
			}
			return nil
		}
	}
	if !present && len(e.removed) == 0 && e.added.fate == sure {
		return errors.New("is not there, added in " + e.added.region + " and removed by nobody")
	}
	return nil
}
