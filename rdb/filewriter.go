package rdb

import (
	"encoding/binary"
	"fmt"
)

// BeginFile writes the beginning of a dump file: the version and facts about
// the writer, as name and value in turn.
func (w *Writer) BeginFile(aux ...string) {
	version := Version
	if w.Dated {
		version = datedVersion
	}
	w.buf = fmt.Appendf(w.buf, "REDIS%04d", version)
	for i := 0; i+1 < len(aux); i += 2 {
		w.buf = append(w.buf, markAux)
		w.str([]byte(aux[i]))
		w.str([]byte(aux[i+1]))
	}
}

// Function writes a library's code.
func (w *Writer) Function(code []byte) {
	w.buf = append(w.buf, markFunction)
	w.str(code)
}

// Select says to which database the keys that follow belong.
func (w *Writer) Select(db int) {
	w.buf = append(w.buf, markSelect)
	w.length(uint64(db))
}

// Resize says about how many keys the selected database has, and how many of
// them with a deadline: a hint.
func (w *Writer) Resize(keys, dated int) {
	w.buf = append(w.buf, markResize)
	w.length(uint64(keys))
	w.length(uint64(dated))
}

// Key says what the next Object is called. A deadline is in unix milliseconds,
// 0 is none.
func (w *Writer) Key(name []byte, deadline int64) {
	w.name, w.named, w.deadline = append(w.name[:0], name...), true, deadline
}

// key writes the deadline, the type and the name that Key was given, or the
// type alone.
func (w *Writer) key(typ byte) {
	if w.named && w.deadline != 0 {
		w.buf = append(w.buf, markDeadlineMS)
		w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(w.deadline))
	}
	w.buf = append(w.buf, typ)
	if w.named {
		w.str(w.name)
		w.named = false
	}
}

// EndFile writes the end and the checksum, and gives all to the destination.
func (w *Writer) EndFile() error {
	w.buf = append(w.buf, markEnd)
	if err := w.Flush(); err != nil {
		return err
	}
	w.buf = binary.LittleEndian.AppendUint64(w.buf, w.crc)
	return w.Flush()
}
