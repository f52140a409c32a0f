package engine

// with runs fn with partition i locked, whether the Tx holds it already or not.
func (t *Tx) with(i int, fn func(p *partition)) {
	p := &t.e.parts[i]
	if t.held&(1<<i) == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	fn(p)
}

// Len returns the number of keys in the selected database, as DBSIZE counts.
func (t *Tx) Len() int { return t.LenOf(t.db) }

// LenOf returns the number of keys in a database.
func (t *Tx) LenOf(db int) (n int) {
	for i := range partitions {
		t.with(i, func(p *partition) { n += p.dbs[db].visible() })
	}
	return n
}

// ExpiresOf returns the number of keys with a deadline in a database.
func (t *Tx) ExpiresOf(db int) (n int) {
	for i := range partitions {
		t.with(i, func(p *partition) {
			if p.dbs[db] != nil {
				n += p.dbs[db].dated
			}
		})
	}
	return n
}

// Scan calls fn for about count keys from cursor on and returns the next
// cursor, 0 at the end. A key that is there from the first to the last call is
// passed at least once. fn's key is only valid in the call.
//
// The cursor is a position in hash space: 6 bits of partition, 32 of fragment.
func (t *Tx) Scan(cursor uint64, count int, fn func(key []byte, typ Type)) uint64 {
	if cursor >= partitions<<32 {
		return 0
	}
	for i := int(cursor >> 32); i < partitions; i++ {
		next := uint64(0)
		t.with(i, func(p *partition) {
			ks := p.dbs[t.db]
			if ks == nil {
				return
			}
			next = ks.keys.Scan(cursor&0xffffffff, count, func(key, rec []byte) {
				count--
				n := entry{p: p, db: t.db, key: key, rec: rec}
				if n.shows(t.now) {
					fn(key, typeOf(n.typ()))
				}
			})
		})
		if next != 0 {
			return uint64(i)<<32 | next
		}
		cursor = 0
		if count <= 0 && i+1 < partitions {
			return uint64(i+1) << 32
		}
	}
	return 0
}

// randomTries bounds the search for a key that shows.
const randomTries = 100

// Random returns a random key of the selected database, each with the same
// probability; the slice is the caller's. What it draws among all records and
// does not show, it draws again.
func (t *Tx) Random() (key []byte, ok bool) {
	for try := 0; try < randomTries && !ok; try++ {
		total := uint64(0)
		for i := range partitions {
			t.with(i, func(p *partition) { total += p.dbs[t.db].records() })
		}
		if total == 0 {
			return nil, false
		}
		pick, found := t.e.opts.Rand()%total, false
		for i := 0; i < partitions && !found; i++ {
			t.with(i, func(p *partition) {
				if n := p.dbs[t.db].records(); pick >= n {
					pick -= n
					return
				}
				found = true
				key, ok = t.randomOf(p)
			})
		}
	}
	if ok {
		return key, true
	}
	return t.first()
}

// randomOf returns a random key of a partition if the one it draws shows.
func (t *Tx) randomOf(p *partition) ([]byte, bool) {
	k, rec, ok := p.dbs[t.db].keys.Random(t.e.opts.Rand)
	if !ok {
		return nil, false
	}
	if n := (&entry{p: p, db: t.db, key: k, rec: rec}); !n.shows(t.now) {
		return nil, false
	}
	return append([]byte(nil), k...), true
}

// first returns any key that shows.
func (t *Tx) first() (key []byte, ok bool) {
	for c := uint64(0); ; {
		c = t.Scan(c, 1000, func(k []byte, _ Type) {
			key, ok = append([]byte(nil), k...), true
		})
		if ok || c == 0 {
			return key, ok
		}
	}
}

// ttlSamples is how many keys of each database and partition MeanTTL looks at.
const ttlSamples = 16

// MeanTTL estimates, per database, for how many milliseconds the keys that have
// a deadline still live: from a sample, spread evenly over the deadlines.
func (t *Tx) MeanTTL() (mean [Databases]int64) {
	var sum, count [Databases]float64
	var e entry
	sample := func(p *partition, db int) {
		n := p.expiry.keys(db)
		for k := range min(n, ttlSamples) {
			e.find(t.e, db, []byte(p.expiry.at(db, k*n/min(n, ttlSamples)).name[1:]))
			if e.rec == nil {
				continue
			}
			if at := e.deadline(); at > t.now {
				sum[db] += float64(at - t.now)
				count[db]++
			}
		}
	}
	for i := range partitions {
		t.with(i, func(p *partition) {
			for db := range Databases {
				sample(p, db)
			}
		})
	}
	for db := range mean {
		if count[db] > 0 {
			mean[db] = int64(sum[db] / count[db])
		}
	}
	return mean
}
