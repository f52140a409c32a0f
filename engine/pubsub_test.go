package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// listener notes what it hears.
type listener struct {
	mu    sync.Mutex
	heard []string
}

func (l *listener) Message(pattern string, matched bool, channel, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, fmt.Sprintf("%s|%s|%s", pattern, channel, payload))
}

func prefixMatch(pattern, name []byte) bool {
	return bytes.HasPrefix(name, bytes.TrimSuffix(pattern, []byte("*")))
}

func TestPubSub(t *testing.T) {
	p := NewPubSub(prefixMatch)
	a, b := &listener{}, &listener{}
	if n := p.Publish([]byte("news"), []byte("0")); n != 0 {
		t.Fatalf("nobody listens, %d heard", n)
	}
	p.Subscribe(a, "news")
	p.Subscribe(a, "news")
	p.PSubscribe(a, "n*")
	p.PSubscribe(b, "n*")
	if n := p.Publish([]byte("news"), []byte("1")); n != 3 {
		t.Fatalf("reached %d, want 3", n)
	}
	if got, want := fmt.Sprint(a.heard), "[|news|1 n*|news|1]"; got != want {
		t.Fatalf("a heard %s, want %s", got, want)
	}
	if got := p.NumSub([]byte("news")); got != 1 {
		t.Fatalf("NumSub %d", got)
	}
	if got := p.NumPat(); got != 1 {
		t.Fatalf("NumPat %d", got)
	}
	var names []string
	p.Channels(func(c string) { names = append(names, c) })
	if !slices.Equal(names, []string{"news"}) || p.NumChannels() != 1 {
		t.Fatalf("channels %v", names)
	}
	p.Unsubscribe(a, "news")
	p.Unsubscribe(a, "other")
	p.PUnsubscribe(a, "n*")
	p.PUnsubscribe(b, "n*")
	if n := p.Publish([]byte("news"), []byte("2")); n != 0 || p.total.Load() != 0 {
		t.Fatalf("%d heard, %d subscriptions left", n, p.total.Load())
	}
}

func TestPubSubBound(t *testing.T) {
	p := NewPubSub(prefixMatch)
	p.total.Store(MaxSubscriptions)
	if err := p.Subscribe(&listener{}, "x"); !errors.Is(err, ErrSubscriptions) {
		t.Fatalf("got %v", err)
	}
}

func TestPubSubConcurrent(t *testing.T) {
	p := NewPubSub(prefixMatch)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			l := &listener{}
			for i := range 200 {
				name := fmt.Sprint("c", i%3)
				p.Subscribe(l, name)
				p.Publish([]byte(name), []byte("x"))
				p.Unsubscribe(l, name)
			}
		})
	}
	wg.Wait()
	if p.NumChannels() != 0 || p.total.Load() != 0 {
		t.Fatal("subscriptions left behind")
	}
}
