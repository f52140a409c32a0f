package command

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Kind says what values a Param takes and how they are written.
type Kind uint8

// Kinds of parameters.
const (
	Text   Kind = iota
	Bool        // yes or no
	Int         // a decimal number
	Memory      // a number of bytes: 100, 1kb, 64mb, 1g
	Enum        // one of Words
	OutputLimits
	KeyEvents
	MemoryOrShare // as Memory, or a percentage of maxmemory: a negative number
	Percentiles
)

// set parses and stores a value; on an error nothing changes. The texts are
// those CONFIG SET replies.
func (p *param) set(value string) error {
	var err error
	text, num := value, int64(0)
	switch p.Kind {
	case Bool:
		text, num, err = parseBool(value)
	case Int:
		var ok bool
		if num, ok = parseInt([]byte(value)); !ok {
			return errors.New("argument couldn't be parsed into an integer")
		}
	case Memory:
		num, err = ParseMemory(value)
		text = strconv.FormatInt(num, 10)
	case Enum:
		text, num, err = p.word(value)
	case OutputLimits:
		text, err = mergeOutputLimits(p.value, value)
	case KeyEvents:
		text, num, err = parseKeyEvents(value)
	case MemoryOrShare:
		text, num, err = parseShare(value)
	case Percentiles:
		text, err = parsePercentiles(p.Name, value)
	}
	if err != nil {
		return err
	}
	lo, hi := p.Min, p.Max
	if p.Clamp {
		lo, hi = 0, maxInt32
	}
	if (p.Kind == Int || p.Kind == Memory) && (lo != 0 || hi != 0) && (num < lo || num > hi) {
		return fmt.Errorf("argument must be between %d and %d inclusive", lo, hi)
	}
	if p.Clamp {
		num = min(max(num, p.Min), p.Max)
		text = strconv.FormatInt(num, 10)
	}
	p.value, p.num = text, num
	return nil
}

// stays returns an error if the value is not what the parameter has.
func (p *param) stays(value string) error {
	other := *p
	if err := other.set(value); err != nil {
		return err
	}
	if other.value != p.value {
		return errImmutable
	}
	return nil
}

// parseShare reads a memory value or a percentage, which becomes negative.
func parseShare(value string) (string, int64, error) {
	if digits, ok := strings.CutSuffix(value, "%"); ok {
		n, ok := parseInt([]byte(digits))
		switch {
		case !ok || n < 0:
			return "", 0, errors.New("argument must be a memory or percent value")
		case n > 100:
			return "", 0, errors.New("percentage argument must be less or equal to 100")
		}
		return strconv.FormatInt(n, 10) + "%", -n, nil
	}
	n, err := ParseMemory(value)
	if err != nil {
		err = errors.New("argument must be a memory or percent value")
	}
	return strconv.FormatInt(n, 10), n, err
}

// parsePercentiles reads numbers from 0 to 100.
func parsePercentiles(name, value string) (string, error) {
	words := strings.Fields(value)
	for i, w := range words {
		p, err := strconv.ParseFloat(w, 64)
		switch {
		case err != nil:
			return "", errors.New("Invalid " + name + " parameters")
		case !(p >= 0 && p <= 100):
			return "", errors.New(name + " parameters should sit between [0.0,100.0]")
		}
		words[i] = strconv.FormatFloat(p, 'g', -1, 64)
	}
	return strings.Join(words, " "), nil
}

func parseBool(value string) (string, int64, error) {
	switch strings.ToLower(value) {
	case "yes":
		return "yes", 1, nil
	case "no":
		return "no", 0, nil
	}
	return "", 0, errors.New("argument must be 'yes' or 'no'")
}

func (p *param) word(value string) (string, int64, error) {
	for i, w := range p.Words {
		if strings.EqualFold(w, value) {
			return w, int64(i), nil
		}
	}
	return "", 0, errors.New("argument(s) must be one of the following: " + strings.Join(p.Words, ", "))
}

var memoryUnits = map[string]int64{
	"": 1, "b": 1,
	"k": 1000, "kb": 1 << 10, "m": 1000 * 1000, "mb": 1 << 20,
	"g": 1000 * 1000 * 1000, "gb": 1 << 30,
}

// ParseMemory reads a number of bytes in redis.conf's way: 1k is 1000 bytes,
// 1kb is 1024, in any case, and no digits are 0.
func ParseMemory(value string) (int64, error) {
	digits := strings.TrimRight(value, "bBgGkKmM")
	unit, ok := memoryUnits[strings.ToLower(value[len(digits):])]
	n, err := strconv.ParseUint("0"+digits, 10, 63) // unlike ParseInt it takes no sign
	if !ok || err != nil || int64(n) > math.MaxInt64/unit {
		return 0, errors.New("argument must be a memory value")
	}
	return int64(n) * unit, nil
}

// OutputLimit bounds the replies one client may leave unread.
type OutputLimit struct {
	Hard, Soft int64 // bytes; 0: none
	Seconds    int64 // how long above Soft
}

// outputClasses are the client classes in the order CONFIG GET shows them.
var outputClasses = []string{"normal", "slave", "pubsub"}

// mergeOutputLimits applies "class hard soft seconds ..." to what is set.
func mergeOutputLimits(old, value string) (string, error) {
	w := strings.Fields(value)
	if len(w)%4 != 0 {
		return "", errors.New("Wrong number of arguments in buffer limit configuration.")
	}
	limits := parseOutputLimits(old)
	for i := 0; i < len(w); i += 4 {
		class := strings.ToLower(w[i])
		if class == "replica" {
			class = "slave"
		}
		if class != "normal" && class != "slave" && class != "pubsub" {
			return "", errors.New("Invalid client class specified in buffer limit configuration.")
		}
		hard, err1 := ParseMemory(w[i+1])
		soft, err2 := ParseMemory(w[i+2])
		secs, err3 := strconv.ParseInt(w[i+3], 10, 64)
		if errors.Join(err1, err2, err3) != nil || secs < 0 {
			return "", errors.New("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		limits[class] = OutputLimit{hard, soft, secs}
	}
	var b strings.Builder
	for i, class := range outputClasses {
		if i > 0 {
			b.WriteByte(' ')
		}
		l := limits[class]
		fmt.Fprintf(&b, "%s %d %d %d", class, l.Hard, l.Soft, l.Seconds)
	}
	return b.String(), nil
}

// parseOutputLimits reads the canonical text.
func parseOutputLimits(text string) map[string]OutputLimit {
	limits := make(map[string]OutputLimit)
	w := strings.Fields(text)
	for i := 0; i+3 < len(w); i += 4 {
		hard, _ := strconv.ParseInt(w[i+1], 10, 64)
		soft, _ := strconv.ParseInt(w[i+2], 10, 64)
		secs, _ := strconv.ParseInt(w[i+3], 10, 64)
		limits[w[i]] = OutputLimit{hard, soft, secs}
	}
	return limits
}
