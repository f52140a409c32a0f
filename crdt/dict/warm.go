package dict

// warmBatch is how many entries are warmed side by side: more than a processor
// has loads on their way at a time.
const warmBatch = 16

// Warmer brings the entries of several keys into the processor's cache before
// they are read or written one after the other. Each lookup waits for three
// loads from memory, of which each needs the one before; those of several keys
// do not need each other, so asking for all of them at once waits for three in
// place of three for each (group prefetching: Chen, Ailamaki, Gibbons and
// Mowry, "Improving hash join performance through prefetching", 2004).
// It changes nothing. The zero value is ready; it belongs to one goroutine.
type Warmer struct {
	list [warmBatch]warming
	n    int
	sink uint64 // so that the loads are not for nothing to the compiler
}

type warming struct {
	s     *segment
	slots []uint64
	home  int
	h     uint32
}

// Add notes an entry of d, which must not change until Run. It calls Run when
// the batch is full.
func (w *Warmer) Add(d *Dict, h uint32) {
	if d.n == 0 {
		return
	}
	if w.n == warmBatch {
		w.Run()
	}
	w.list[w.n].s, w.list[w.n].h = d.dir[d.index(h)], h
	w.n++
}

// Run loads what Get would read of all entries noted, and forgets them.
func (w *Warmer) Run() {
	list := w.list[:w.n]
	for i := range list {
		x := &list[i]
		x.home, x.slots = x.s.home(x.h), x.s.slots
	}
	for i := range list {
		w.sink += list[i].slots[list[i].home]
	}
	for i := range list {
		w.sink += list[i].record()
	}
	clear(list)
	w.n = 0
}

// record loads the beginning of the first record with the entry's hash.
func (x *warming) record() uint64 {
	for _, sl := range x.slots[x.home:] {
		if sl == 0 || slotHash(sl) > x.h {
			break
		}
		if slotHash(sl) == x.h {
			return uint64(x.s.arena[slotOff(sl)])
		}
	}
	return 0
}
