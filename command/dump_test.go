package command

import (
	"encoding/hex"
	"testing"
)

// FuzzParseDump: a payload made by an enemy is refused or gives something
// sound, and costs no more memory than it has bytes, or its compression allows.
func FuzzParseDump(f *testing.F) {
	for _, text := range []string{"0001", "02020161016202", "0b1402000000020000000100020", "1001", "12010206", "05", "0a", "00c30302"} {
		b, _ := hex.DecodeString(text)
		f.Add(b)
	}
	for typ := range byte(20) {
		f.Add(append([]byte{typ}, "\x01\x0f\x0f\x00\x00\x00\x02\x00\x81a\x02\x81b\x02\xff"...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDump(b)
		if err != nil {
			return
		}
		if len(d.values) == 0 || d.typ == rdbHash && len(d.values)%2 != 0 || d.typ == rdbZSet2 && len(d.scores) != len(d.values) {
			t.Fatalf("%x: %d values and %d scores of type %d", b, len(d.values), len(d.scores), d.typ)
		}
	})
}
