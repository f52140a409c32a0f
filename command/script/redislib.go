package script

import (
	"crypto/sha1"
	"encoding/hex"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

const (
	version    = "7.0.15"
	versionNum = 0x0007000f
)

func (vm *VM) redisLibrary() map[string]lua.LValue {
	lib := vm.functions(map[string]lua.LGFunction{
		"call":               func(l *lua.LState) int { return vm.redisCall(l, true) },
		"pcall":              func(l *lua.LState) int { return vm.redisCall(l, false) },
		"error_reply":        func(l *lua.LState) int { return vm.singleField(l, "err") },
		"status_reply":       func(l *lua.LState) int { return vm.singleField(l, "ok") },
		"log":                vm.redisLog,
		"sha1hex":            vm.redisSHA1,
		"setresp":            vm.redisSetResp,
		"set_repl":           vm.setRepl,
		"replicate_commands": func(l *lua.LState) int { l.Push(lua.LTrue); return 1 },
		"breakpoint":         func(l *lua.LState) int { l.Push(lua.LFalse); return 1 },
		"debug":              func(l *lua.LState) int { return 0 },
		"acl_check_cmd":      vm.redisMayRun,
	})
	for name, n := range map[string]int{
		"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3,
		"REPL_NONE": 0, "REPL_AOF": 1, "REPL_SLAVE": 2, "REPL_REPLICA": 2, "REPL_ALL": replAll,
		"REDIS_VERSION_NUM": versionNum,
	} {
		lib[name] = lua.LNumber(n)
	}
	lib["REDIS_VERSION"] = lua.LString(version)
	return lib
}

// replAll says that what a script writes goes everywhere.
const replAll = 3

// setRepl is redis.set_repl. A write that is not in the log would not outlive a
// restart here, and one that is goes to all regions: there is no choice.
func (vm *VM) setRepl(l *lua.LState) int {
	flags, _ := numeric(l.Get(1))
	switch {
	case l.GetTop() != 1:
		vm.raiseTable(l, "ERR redis.set_repl() requires two arguments.")
	case flags != math.Trunc(flags) || flags < 0 || flags > replAll:
		vm.raiseTable(l, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	case flags != replAll:
		vm.raiseTable(l, "ERR redis.set_repl() takes REPL_ALL only: what a script writes is logged and goes to all regions")
	}
	return 0
}

// redisCall is redis.call and, if it does not raise, redis.pcall.
func (vm *VM) redisCall(l *lua.LState, raises bool) int {
	text, ok := vm.collect(l)
	if !ok {
		if raises {
			vm.raiseTable(l, text)
		}
		l.Push(vm.errorTable(l, text))
		return 1
	}
	vm.scratch = vm.host.Call(vm.scratch[:0], vm.args, vm.proto)
	if raises && len(vm.scratch) > 0 && vm.scratch[0] == '-' {
		vm.raiseTable(l, strings.TrimRight(string(vm.scratch[1:]), "\r\n"))
	}
	if len(vm.scratch) > 0 && vm.scratch[0] == '-' {
		l.Push(vm.refusal(l, strings.TrimRight(string(vm.scratch[1:]), "\r\n")))
	} else {
		vm.account(l, min(len(vm.scratch)*perReplyByte, maxString))
		r := replyReader{vm: vm, buf: vm.scratch}
		l.Push(r.value())
	}
	if cap(vm.scratch) > 1<<20 {
		vm.scratch = nil
	}
	return 1
}

// perReplyByte is what a byte of a reply may take in memory, of one that has many small values.
const perReplyByte = 6

// refusal is what redis.pcall returns for a command that failed. Redis marks it
// as counted, and scripts that look at all fields see the mark.
func (vm *VM) refusal(l *lua.LState, text string) *lua.LTable {
	t := l.CreateTable(0, 2)
	t.RawSetString("ignore_error_stats_update", lua.LTrue)
	t.RawSetString("err", lua.LString(text))
	return t
}

func (vm *VM) errorTable(l *lua.LState, text string) *lua.LTable {
	t := l.CreateTable(0, 1)
	t.RawSetString("err", lua.LString(text))
	return t
}

// collect copies the arguments of redis.call into vm.args.
func (vm *VM) collect(l *lua.LState) (text string, ok bool) {
	n := l.GetTop()
	if n == 0 {
		return "ERR Please specify at least one argument for this redis lib call", false
	}
	vm.args, vm.argbuf = vm.args[:0], vm.argbuf[:0]
	size := 0
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 32
		default:
			return "ERR Lua redis lib command arguments must be strings or integers", false
		}
	}
	if cap(vm.argbuf) < size || cap(vm.argbuf) > 1<<20 {
		vm.argbuf = make([]byte, 0, size)
	}
	for i := 1; i <= n; i++ {
		start := len(vm.argbuf)
		switch v := l.Get(i).(type) {
		case lua.LString:
			vm.argbuf = append(vm.argbuf, v...)
		case lua.LNumber:
			vm.argbuf = appendNumber(vm.argbuf, float64(v), 17)
		}
		vm.args = append(vm.args, vm.argbuf[start:len(vm.argbuf):len(vm.argbuf)])
	}
	return "", true
}

// singleField is redis.error_reply and redis.status_reply.
func (vm *VM) singleField(l *lua.LState, field string) int {
	s, ok := l.Get(1).(lua.LString)
	if l.GetTop() != 1 || !ok {
		l.Push(vm.errorTable(l, "ERR wrong number or type of arguments"))
		return 1
	}
	text := string(s)
	if field == "err" {
		text = errorText(cut(text))
	}
	t := l.CreateTable(0, 1)
	t.RawSetString(field, lua.LString(text))
	l.Push(t)
	return 1
}

// errorText gives an error that is one word a code.
func errorText(s string) string {
	s = strings.TrimRight(strings.TrimPrefix(s, "-"), "\r\n")
	if !strings.Contains(s, " ") {
		return "ERR " + s
	}
	return s
}

func (vm *VM) redisLog(l *lua.LState) int {
	if l.GetTop() < 2 {
		vm.raiseTable(l, "ERR redis.log() requires two arguments or more.")
	}
	given, ok := numeric(l.Get(1))
	if !ok {
		vm.raiseTable(l, "ERR First argument must be a number (log level).")
	}
	level := int32(toInt64(given))
	if level < 0 || level > 3 {
		vm.raiseTable(l, "ERR Invalid debug level.")
	}
	var words []string
	for i := 2; i <= l.GetTop(); i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			words = append(words, string(v))
		case lua.LNumber:
			words = append(words, numberText(v))
		}
	}
	text := strings.Join(words, " ")
	vm.host.Log(int(level), text[:min(len(text), 1024)])
	return 0
}

func (vm *VM) redisSHA1(l *lua.LState) int {
	if l.GetTop() != 1 {
		vm.raiseTable(l, "ERR wrong number of arguments")
	}
	text := ""
	switch v := l.Get(1).(type) {
	case lua.LString:
		text = string(v)
	case lua.LNumber:
		text = numberText(v)
	}
	sum := sha1.Sum([]byte(text))
	l.Push(lua.LString(hex.EncodeToString(sum[:])))
	return 1
}

func (vm *VM) redisSetResp(l *lua.LState) int {
	if l.GetTop() != 1 {
		vm.raiseTable(l, "ERR redis.setresp() requires one argument.")
	}
	given, _ := numeric(l.Get(1))
	n := int32(toInt64(given))
	if n != 2 && n != 3 {
		vm.raiseTable(l, "ERR RESP version must be 2 or 3.")
	}
	vm.proto = int(n)
	return 0
}

func (vm *VM) redisMayRun(l *lua.LState) int {
	text, ok := vm.collect(l)
	if !ok {
		vm.raiseTable(l, text)
	}
	allowed, known := vm.host.MayRun(vm.args)
	if !known {
		vm.raiseTable(l, "ERR Invalid command passed to redis.acl_check_cmd()")
	}
	l.Push(lua.LBool(allowed))
	return 1
}
