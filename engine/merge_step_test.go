package engine

import (
	"testing"
	"time"
)

// A checkpoint never holds half of an image: it waits for the end of a merge in
// its partition.
func TestACheckpointWaitsForTheRestOfAnImage(t *testing.T) {
	from, to := filled(t, 1), newNode(t, 2, clockAt(1_700_000_000_000))
	saved := make(chan error, 1)
	steps := 0
	for _, im := range images(from) {
		_, err := to.eng.Merge(im, nil, func() {
			if steps++; steps == 1 {
				go func() { saved <- to.eng.Checkpoint() }()
			}
			select {
			case err := <-saved:
				t.Fatalf("a checkpoint is made in the middle: %v", err)
			case <-time.After(time.Millisecond):
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if steps > 0 { // the rest comes when it is over
			break
		}
	}
	if steps < 2 {
		t.Fatalf("%d steps", steps)
	}
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	want := to.dump()
	to.close()
	to.open()
	same(t, "from the checkpoint", want, to.dump())
}
