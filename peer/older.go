package peer

import (
	"errors"

	"crdb/crdt"
)

// older is the older state that an instance joins with. It spares bytes and
// nothing else: whatever is wrong with it, the transfer goes on without.
type older struct {
	opened bool // there was an attempt
	seed   Seed // nil: none, or none any more
	using  bool // the stream under way has an offer of it
	spared uint64
}

// errOlder ends a stream that has to begin again without the older state.
var errOlder = errors.New("the older state is of no use")

// offer says how far the next stream is to go, and what is offered for it.
func (t *transfers) offer() (to uint64, offer []byte) {
	end := t.r.opts.Images.EndOfState()
	o := &t.older
	if o.using = false; !t.mark.base || t.r.opts.Seed == nil {
		return end, nil
	}
	if !o.opened {
		o.opened = true
		var err error
		if o.seed, err = t.r.opts.Seed(); err != nil {
			t.dropOlder(err)
		}
	}
	if o.seed == nil {
		return end, nil
	}
	to, offer, err := o.seed.OfferAt(t.mark.at)
	if err == nil && (to <= t.mark.at || to > end || len(offer) > maxOffer) {
		err = errOlder
	}
	if err != nil {
		t.dropOlder(err)
		return end, nil
	}
	o.using = true
	return to, offer
}

func (t *transfers) dropOlder(why error) {
	t.older.seed = nil
	t.r.quiet.to.Warn("the older state is not used: the whole state comes from the peer", "why", why)
}

// checkOlder sees to it that the images will cover what the older state covers:
// it is of their past. If it is not, it holds what was lost, or is another
// database's.
func (t *transfers) checkOlder(least crdt.VersionVector) error {
	if o := &t.older; !o.using || least.Descends(o.seed.Vector()) {
		return nil
	}
	t.dropOlder(errors.New("it holds operations that the peer does not"))
	return errOlder
}

// expand makes an image whole.
func (t *transfers) expand(image []byte) ([]byte, error) {
	if !t.older.using {
		return image, nil
	}
	whole, err := t.older.seed.Expand(image)
	if err != nil {
		t.dropOlder(err)
		return nil, errOlder
	}
	t.older.spared += uint64(len(whole) - len(image))
	return whole, nil
}
