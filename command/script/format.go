package script

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// directive is what stands between % and a letter in a format of C's printf.
type directive struct {
	minus, plus, space, alt, zero bool
	width, prec                   int // prec is -1 if there is none
}

// format is string.format.
func (vm *VM) format(l *lua.LState) int {
	f := vm.checkText(l, 1)
	var b []byte
	arg := 1
	for f != "" {
		if f[0] != '%' {
			b, f = append(b, f[0]), f[1:]
			continue
		}
		if f = f[1:]; strings.HasPrefix(f, "%") {
			b, f = append(b, '%'), f[1:]
			continue
		}
		if arg++; arg > l.GetTop() {
			l.ArgError(arg, "no value")
		}
		d, rest := readDirective(l, f)
		if rest == "" {
			raise(l, "invalid option '%%' to 'format'")
		}
		b = vm.formatted(l, b, d, rest[0], arg)
		if f = rest[1:]; len(b) > maxString {
			raise(l, "string length overflow")
		}
	}
	vm.spend(l, len(b))
	l.Push(lua.LString(b))
	return 1
}

// readDirective reads a directive up to its letter.
func readDirective(l *lua.LState, f string) (d directive, rest string) {
	rest = strings.TrimLeft(f, "-+ #0")
	if len(f)-len(rest) > 5 {
		raise(l, "invalid format (repeated flags)")
	}
	for _, flag := range f[:len(f)-len(rest)] {
		switch flag {
		case '-':
			d.minus = true
		case '+':
			d.plus = true
		case ' ':
			d.space = true
		case '#':
			d.alt = true
		case '0':
			d.zero = true
		}
	}
	digits := func() (n int) {
		for i := 0; i < 2 && rest != "" && isDigit(rest[0]); i++ {
			n, rest = 10*n+int(rest[0]-'0'), rest[1:]
		}
		return n
	}
	d.width, d.prec = digits(), -1
	if strings.HasPrefix(rest, ".") {
		rest = rest[1:]
		d.prec = digits()
	}
	if rest != "" && isDigit(rest[0]) {
		raise(l, "invalid format (width or precision too long)")
	}
	return d, rest
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// formatted appends one argument. What C makes of it ends at a zero byte.
func (vm *VM) formatted(l *lua.LState, b []byte, d directive, verb byte, arg int) []byte {
	switch verb {
	case 'c':
		d.prec = -1
		n := toInt64(float64(vm.checkNumber(l, arg)))
		if n != int64(int32(n)) { // what does not fit C's int is the smallest, and that ends with a zero byte
			n = 0
		}
		made := d.text(nil, string([]byte{byte(n)}))
		made, _, _ = bytes.Cut(made, []byte{0})
		return append(b, made...)
	case 'd', 'i':
		n := toInt64(float64(vm.checkNumber(l, arg)))
		size := uint64(n)
		if n < 0 {
			size = -size
		}
		return d.number(b, d.sign(n < 0), "", d.digits(strconv.FormatUint(size, 10)))
	case 'u', 'o', 'x', 'X':
		return d.unsigned(b, verb, toUint64(float64(vm.checkNumber(l, arg))))
	case 'e', 'E', 'f', 'g', 'G':
		return d.float(b, verb, float64(vm.checkNumber(l, arg)))
	case 'q':
		return quote(b, vm.checkText(l, arg))
	case 's':
		s := vm.checkText(l, arg)
		if d.prec < 0 && len(s) >= 100 { // too long for a width to matter
			return append(b, s...)
		}
		s, _, _ = strings.Cut(s, "\x00")
		return d.text(b, s)
	}
	raise(l, "invalid option '%%%s' to 'format'", strings.Trim(string([]byte{verb}), "\x00"))
	return b
}

// text appends a text: precision and width count bytes.
func (d *directive) text(b []byte, s string) []byte {
	if d.prec >= 0 {
		s = s[:min(len(s), d.prec)]
	}
	fill := max(0, d.width-len(s))
	if !d.minus {
		b = appendMany(b, ' ', fill)
	}
	b = append(b, s...)
	if d.minus {
		b = appendMany(b, ' ', fill)
	}
	return b
}

func appendMany(b []byte, c byte, n int) []byte {
	for range n {
		b = append(b, c)
	}
	return b
}

// sign is what stands before a number.
func (d *directive) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case d.plus:
		return "+"
	case d.space:
		return " "
	}
	return ""
}

// digits gives a whole number as many digits as the precision wants: none for
// zero and a precision of zero. A precision ends the filling with zeros.
func (d *directive) digits(s string) string {
	if d.prec < 0 {
		return s
	}
	d.zero = false
	if s == "0" {
		s = ""
	}
	return strings.Repeat("0", max(0, d.prec-len(s))) + s
}

func (d *directive) unsigned(b []byte, verb byte, n uint64) []byte {
	base := map[byte]int{'u': 10, 'o': 8, 'x': 16, 'X': 16}[verb]
	digits, prefix := d.digits(strconv.FormatUint(n, base)), ""
	switch {
	case !d.alt:
	case verb == 'o' && !strings.HasPrefix(digits, "0"):
		digits = "0" + digits
	case base == 16 && n != 0:
		prefix = "0x"
	}
	if verb == 'X' {
		prefix, digits = strings.ToUpper(prefix), strings.ToUpper(digits)
	}
	return d.number(b, "", prefix, digits)
}

// number appends a number of the given width.
func (d *directive) number(b []byte, sign, prefix, digits string) []byte {
	fill := max(0, d.width-len(sign)-len(prefix)-len(digits))
	if !d.minus && !d.zero {
		b = appendMany(b, ' ', fill)
	}
	b = append(append(b, sign...), prefix...)
	if !d.minus && d.zero {
		b = appendMany(b, '0', fill)
	}
	b = append(b, digits...)
	if d.minus {
		b = appendMany(b, ' ', fill)
	}
	return b
}

func (d *directive) float(b []byte, verb byte, f float64) []byte {
	sign := d.sign(math.Signbit(f))
	f = math.Abs(f)
	if math.IsInf(f, 0) || math.IsNaN(f) {
		d.zero = false
		text := strings.TrimPrefix(string(appendNumber(nil, f, 6)), "-")
		if verb == 'E' || verb == 'G' {
			text = strings.ToUpper(text)
		}
		return d.number(b, sign, "", text)
	}
	prec := d.prec
	if prec < 0 {
		prec = 6
	}
	form := "%.*" + string(verb)
	if d.alt {
		form = "%#.*" + string(verb)
	}
	return d.number(b, sign, "", fmt.Sprintf(form, prec, f))
}

// toUint64 is what the processor makes of a number where C wants one without a
// sign.
func toUint64(f float64) uint64 {
	const half = 1 << 63
	if f >= half {
		return uint64(toInt64(f-half)) ^ half
	}
	return uint64(toInt64(f))
}

func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b = append(b, '\\', c)
		case '\r':
			b = append(b, `\r`...)
		case 0:
			b = append(b, `\000`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
