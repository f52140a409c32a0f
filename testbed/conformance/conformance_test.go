package conformance

import (
	"slices"
	"strings"
	"testing"

	"crdb/testbed/cluster"
)

// TestCases runs every case of cases.txt, with both orders of the regions.
func TestCases(t *testing.T) {
	cases, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.StartTest(t, cluster.Options{})
	backwards := slices.Clone(c.Regions)
	slices.Reverse(backwards)
	ran, left := 0, map[string]int{}
	for _, k := range cases {
		if k.Later != "" {
			left[k.Later]++
			continue
		}
		ran++
		for _, regions := range [][]string{c.Regions, backwards} {
			t.Run(k.ID+"/"+strings.Join(regions, ","), func(t *testing.T) {
				if err := NewRunner(c, regions).Run(t.Context(), k); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Logf("ran %d cases with both orders of the regions", ran)
	for why, n := range left {
		t.Logf("left out %d cases: %s", n, why)
	}
}
