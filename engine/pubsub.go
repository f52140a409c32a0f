package engine

import (
	"errors"
	"sync"
	"sync/atomic"
)

// MaxSubscriptions bounds the subscriptions of one PubSub, over all subscribers.
const MaxSubscriptions = 1 << 20

// ErrSubscriptions says that a PubSub holds MaxSubscriptions.
var ErrSubscriptions = errors.New("ERR too many subscriptions")

// Subscriber takes messages. Message is called by whoever publishes, under the
// registry's lock: it must not block, nor call the PubSub, nor keep the
// slices. matched says that it comes by the pattern, which may be empty, and not
// by a subscription to the channel itself.
type Subscriber interface {
	Message(pattern string, matched bool, channel, payload []byte)
}

// PubSub is a registry of who listens to which channel and pattern, in this
// process only. It does no I/O and starts no goroutine.
//
// The lock guards the maps; Publish holds it shared while it calls
// subscribers, so a subscriber that has left gets nothing more once
// Unsubscribe has returned.
type PubSub struct {
	match func(pattern, name []byte) bool
	total atomic.Int64 // subscriptions; read without the lock by Publish

	mu struct {
		sync.RWMutex
		channels map[string]audience
		patterns map[string]audience
	}
}

type audience map[Subscriber]struct{}

// NewPubSub returns an empty registry; match is the glob rule of patterns.
func NewPubSub(match func(pattern, name []byte) bool) *PubSub {
	p := &PubSub{match: match}
	p.mu.channels = make(map[string]audience)
	p.mu.patterns = make(map[string]audience)
	return p
}

// Subscribe adds s to a channel. Adding it twice changes nothing.
func (p *PubSub) Subscribe(s Subscriber, channel string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addLocked(p.mu.channels, s, channel)
}

// PSubscribe adds s to a pattern.
func (p *PubSub) PSubscribe(s Subscriber, pattern string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addLocked(p.mu.patterns, s, pattern)
}

// Unsubscribe takes s off a channel.
func (p *PubSub) Unsubscribe(s Subscriber, channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removeLocked(p.mu.channels, s, channel)
}

// PUnsubscribe takes s off a pattern.
func (p *PubSub) PUnsubscribe(s Subscriber, pattern string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removeLocked(p.mu.patterns, s, pattern)
}

func (p *PubSub) addLocked(m map[string]audience, s Subscriber, name string) error {
	a := m[name]
	if _, there := a[s]; there {
		return nil
	}
	if p.total.Load() >= MaxSubscriptions {
		return ErrSubscriptions
	}
	if a == nil {
		a = make(audience, 1)
		m[name] = a
	}
	a[s] = struct{}{}
	p.total.Add(1)
	return nil
}

func (p *PubSub) removeLocked(m map[string]audience, s Subscriber, name string) {
	a := m[name]
	if _, there := a[s]; !there {
		return
	}
	delete(a, s)
	p.total.Add(-1)
	if len(a) == 0 {
		delete(m, name)
	}
}

// Any reports whether there is any subscription at all.
func (p *PubSub) Any() bool { return p.total.Load() != 0 }

// Publish hands the message to everyone who listens, once per subscription
// that fits, and returns how many that were.
func (p *PubSub) Publish(channel, payload []byte) int {
	if !p.Any() {
		return 0
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	n := 0
	for s := range p.mu.channels[string(channel)] {
		s.Message("", false, channel, payload)
		n++
	}
	for pattern, a := range p.mu.patterns {
		if !p.match([]byte(pattern), channel) {
			continue
		}
		for s := range a {
			s.Message(pattern, true, channel, payload)
			n++
		}
	}
	return n
}

// Channels calls fn for every channel somebody listens to, under the
// registry's lock, in no order.
func (p *PubSub) Channels(fn func(channel string)) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for name := range p.mu.channels {
		fn(name)
	}
}

// NumSub returns how many listen to the channel, patterns not counted.
func (p *PubSub) NumSub(channel []byte) int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.mu.channels[string(channel)])
}

// NumChannels returns how many channels have listeners.
func (p *PubSub) NumChannels() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.mu.channels)
}

// NumPat returns how many different patterns have listeners.
func (p *PubSub) NumPat() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.mu.patterns)
}
