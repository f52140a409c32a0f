package script

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"crdb/resp"
)

// Library is the text of a library of functions, compiled. It never changes.
type Library struct {
	Name, Code string
	proto      *lua.FunctionProto
	bounds     map[functionLines]bounds
}

const badName = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"

// LibraryName reads the first line of a library: "#!lua name=...". Errors are
// replies without their code.
func LibraryName(code string) (string, error) {
	if !strings.HasPrefix(code, "#!") {
		return "", errors.New("Missing library metadata")
	}
	line, _, found := strings.Cut(code, "\n")
	words, balanced := resp.SplitLine(line)
	if !found || !balanced || len(words) == 0 {
		return "", errors.New("Invalid library metadata")
	}
	name, given := "", false
	for _, w := range words[1:] {
		switch {
		case len(w) < 5 || !strings.EqualFold(w[:5], "name="):
			return "", errors.New("Invalid metadata value given: " + w)
		case given:
			return "", errors.New("Invalid metadata value, name argument was given multiple times")
		}
		name, given = w[5:], true
	}
	engine := words[0][2:]
	switch {
	case !given:
		return "", errors.New("Library name was not given")
	case !goodName(name):
		return "", errors.New(badName)
	case !strings.EqualFold(engine, "lua"):
		return "", errors.New("Engine '" + engine + "' not found")
	}
	return name, nil
}

func goodName(s string) bool {
	for _, ch := range []byte(s) {
		if !(ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || ch == '_') {
			return false
		}
	}
	return s != ""
}

// CompileLibrary reads a library whose first line LibraryName takes.
func CompileLibrary(name, code string) (*Library, error) {
	chunk, err := compile(code[strings.IndexByte(code, '\n'):], functionChunk)
	if err != nil {
		return nil, errors.New("Error compiling function: " + err.Error())
	}
	return &Library{Name: name, Code: code, proto: chunk.proto, bounds: findFunctionBounds(chunk.stmts)}, nil
}

// Function is a function of a library that a VM has loaded. It can be called in
// that VM only.
type Function struct {
	Name, Description string
	Flags             Flags
	fn                *lua.LFunction
	bounds            bounds
}

// Short is Script.Short for a function.
func (f *Function) Short(n int) bool { return f.bounds.short(n) }

// bound finds out how long the function may take, by where it stands in the
// text of its library.
func (f *Function) bound(library map[functionLines]bounds) {
	found := false
	if p := f.fn.Proto; p != nil {
		f.bounds, found = library[functionLines{p.LineDefined, p.LastLineDefined}]
	}
	f.bounds.unknown = f.bounds.unknown || !found
}

// FlagNames are the names of flags, in the order of FUNCTION LIST.
func (f Flags) FlagNames() (names []string) {
	for _, name := range []string{"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"} {
		if f&flagNames[name] != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Invoke calls a function with tables of keys and arguments, which are copied.
// The result is valid until the next run. What the library keeps in its locals
// stays from call to call, as in Redis.
func (vm *VM) Invoke(f *Function, host Host, keys, args [][]byte) Result {
	vm.begin(host, !f.Short(len(keys)+len(args)))
	v, err := vm.call(f.fn, vm.list(keys), vm.list(args))
	return vm.result(f.Name, v, err)
}
