package engine

import "encoding/binary"

// Frequencies as Redis counts them (LFU): the four bytes that otherwise hold
// the time of the last use hold the minute of the last use, 16 bits, and above
// the last byte's logarithmic counter, which grows by chance and decays.
const (
	freshUse = 5 // counter of a new key
	mostUse  = 255
)

// Usage says how uses of keys are noted.
type Usage struct {
	Frequency bool // count uses instead of noting their time
	LogFactor int  // lfu-log-factor
	DecayTime int  // lfu-decay-time: minutes for one less; 0: never

	rand func() uint64
}

// NoteUsage changes how uses are noted. What was noted in the other way adjusts
// with time.
func (e *Engine) NoteUsage(u Usage) {
	u.rand = e.opts.Rand
	e.usage.Store(&u)
}

// The times of keys are far above 24 bits, and what is noted of their frequency is
// below: so one of them is told from the other.
const maxFrequency = 1<<24 - 1

// idle is for how many seconds a key was not used.
func idle(noted uint32, now int64) int64 {
	if noted <= maxFrequency && now/1000 > maxFrequency {
		return int64((minuteOf(now)-noted>>8)&0xffff) * 60
	}
	return max(0, now/1000-int64(noted))
}

// frequency is what is noted of a key as if its uses had always been counted.
func frequency(noted uint32) uint32 {
	if noted <= maxFrequency {
		return noted
	}
	return minuteOf(int64(noted)*1000)<<8 | freshUse
}

func minuteOf(now int64) uint32 { return uint32(now/60_000) & 0xffff }

// decayed is the counter now.
func (u *Usage) decayed(noted uint32, now int64) uint32 {
	noted = frequency(noted)
	counter := noted & 0xff
	if u.DecayTime <= 0 {
		return counter
	}
	passed := (minuteOf(now) - noted>>8) & 0xffff
	return counter - min(counter, passed/uint32(u.DecayTime))
}

// used is what to note after one more use.
func (u *Usage) used(noted uint32, now int64) uint32 {
	counter := u.decayed(noted, now)
	if counter < mostUse {
		over := uint64(0)
		if counter > freshUse {
			over = uint64(counter - freshUse)
		}
		if u.rand()%(over*uint64(max(u.LogFactor, 0))+1) == 0 {
			counter++
		}
	}
	return minuteOf(now)<<8 | counter
}

func (n *entry) usage() *Usage { return n.p.eng.usage.Load() }

// touch notes a use at now.
func (n *entry) touch(now int64) {
	u := n.usage()
	if !u.Frequency {
		binary.BigEndian.PutUint32(n.rec, uint32(now/1000))
		return
	}
	binary.BigEndian.PutUint32(n.rec, u.used(binary.BigEndian.Uint32(n.rec), now))
}

// noted returns what the record says of the last use, for restamp.
func (n *entry) noted() uint32 {
	if n.rec == nil {
		return freshUse
	}
	return binary.BigEndian.Uint32(n.rec)
}

// restamp notes a write at now on a record that may be a new one. A write is a use, too.
func (n *entry) restamp(noted uint32, now int64) {
	binary.BigEndian.PutUint32(n.rec, noted)
	switch u := n.usage(); {
	case n.unused && noted != freshUse:
	case u.Frequency && noted == freshUse:
		binary.BigEndian.PutUint32(n.rec, minuteOf(now)<<8|freshUse)
	default:
		n.touch(now)
	}
}
