package crdt

// StreamEffect says what a KindStreamAdd or KindStreamRemove does to its
// stream.
type StreamEffect struct {
	Adds, Trims, Removes bool // entries
	Creates, Destroys    bool // groups
	Marks                bool // it sets the registers
}

// StreamEffects looks at an operation. Acknowledgements are no effect.
func StreamEffects(op *Op) (x StreamEffect) {
	x = op.body.does
	x.look(op)
	return x
}

// look adds what the elements of an operation do.
func (x *StreamEffect) look(op *Op) {
	adds := op.Kind == KindStreamAdd
	for i := range op.Elems {
		e := &op.Elems[i]
		if e.Of != TypeNone || len(e.Name) == 0 {
			continue
		}
		switch e.Name[0] {
		case nameEntry:
			x.Adds = x.Adds || adds && len(e.Value) > 0
			x.Trims = x.Trims || adds && len(e.Value) == 0
			x.Removes = x.Removes || !adds
		case nameSpan:
			x.Trims = x.Trims || adds
			x.Removes = x.Removes || !adds
		case nameGroup:
			x.Creates = x.Creates || adds
			x.Destroys = x.Destroys || !adds && len(e.Value) == 0
		case nameMark:
			x.Marks = x.Marks || adds
		}
	}
}
