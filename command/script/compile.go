package script

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"crdb/resp"
)

// Flags are what a script's first line says about it.
type Flags uint8

// Flags of a shebang line.
const (
	NoWrites Flags = 1 << iota
	AllowOOM
	AllowStale
	NoCluster
	AllowCrossSlot
	Shebang // there was such a line
)

var flagNames = map[string]Flags{
	"no-writes": NoWrites, "allow-oom": AllowOOM, "allow-stale": AllowStale,
	"no-cluster": NoCluster, "allow-cross-slot-keys": AllowCrossSlot,
}

// Script is a compiled script. It never changes, once the host has set Keyed.
type Script struct {
	SHA    string // of its text, in hexadecimal
	Body   string
	Flags  Flags
	Calls  []Call // the commands it may run; nil if that cannot be known
	Known  bool   // Calls are all
	Keyed  bool   // it touches its KEYS only; the host finds out, before others see the script
	proto  *lua.FunctionProto
	bounds bounds
	source string
}

// SHA returns the name of a script: SHA-1 of its text in hexadecimal.
func SHA(body []byte) string {
	sum := sha1.Sum(body)
	return hex.EncodeToString(sum[:])
}

// Compile reads a script. Errors are replies.
func Compile(sha string, body string) (*Script, error) {
	s := &Script{SHA: sha, Body: body}
	text, err := s.shebang(body)
	if err != nil {
		return nil, err
	}
	chunk, err := compile(text, scriptChunk)
	if err != nil {
		return nil, errors.New("ERR Error compiling script (new function): " + err.Error())
	}
	s.proto, s.bounds = chunk.proto, findBounds(chunk.stmts)
	s.Calls, s.Known = findCalls(chunk.stmts)
	return s, nil
}

// Short reports whether the script ends soon whatever happens, given n keys and
// arguments: it then runs where the client is served, and cannot be killed.
func (s *Script) Short(n int) bool { return s.bounds.short(n) }

// shebang reads and blanks the first line, if it says how to run the rest.
func (s *Script) shebang(body string) (string, error) {
	if !strings.HasPrefix(body, "#!") {
		return body, nil
	}
	end := strings.IndexByte(body, '\n')
	if end < 0 {
		return "", errors.New("ERR Invalid script shebang")
	}
	words, balanced := resp.SplitLine(body[:end])
	if !balanced || len(words) == 0 {
		return "", errors.New("ERR Invalid engine in script shebang")
	}
	if words[0] != "#!lua" {
		return "", errors.New("ERR Unexpected engine in script shebang: " + words[0])
	}
	s.Flags = Shebang
	for _, w := range words[1:] {
		list, ok := strings.CutPrefix(w, "flags=")
		if !ok {
			return "", errors.New("ERR Unknown lua shebang option: " + w)
		}
		for _, name := range strings.Split(list, ",") {
			if list == "" {
				break
			}
			f, known := flagNames[name]
			if !known {
				return "", errors.New("ERR Unexpected flag in script shebang: " + name)
			}
			s.Flags |= f
		}
	}
	return body[end:], nil
}

// compiled is the code of a chunk, with its text as the rewriter has left it.
type compiled struct {
	proto *lua.FunctionProto
	stmts []ast.Stmt
}

// compile turns text into code for a VM. The errors are worded as Lua's.
func compile(text, name string) (c compiled, err error) {
	defer func() { // the compiler of gopher-lua panics at its limits
		if cause := recover(); cause != nil {
			err = errors.New(name + ":1: function or expression too complex")
		}
	}()
	if err := nesting(text); err != nil {
		return c, errors.New(name + ":1: " + err.Error())
	}
	chunk, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		return c, compileError(name, text, err)
	}
	r := rewriter{}
	if err := r.rewrite(chunk); err != nil {
		return c, errors.New(name + ":1: " + err.Error())
	}
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return c, compileError(name, text, err)
	}
	// gopher-lua makes a table "arg" at each run of a chunk, which nothing can name.
	proto.IsVarArg &^= lua.VarArgNeedsArg
	return compiled{proto, chunk}, nil
}
