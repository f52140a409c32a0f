package resp

// Limits bounds what one command may claim and hold. A zero field means the
// value PostAuth has, so that no Limits is ever unlimited by accident.
type Limits struct {
	MaxArgs   int // arguments in one command, the name included
	MaxBulk   int // bytes in one argument
	MaxInline int // bytes in one inline command or in one length line
	MaxQuery  int // bytes in one command as it stands on the wire

	// Unauthenticated picks the error texts redis uses before AUTH.
	Unauthenticated bool
}

// PreAuth is what a connection may send before it has authenticated: ten
// arguments of 16 KiB each.
var PreAuth = Limits{
	MaxArgs:         10,
	MaxBulk:         16 << 10,
	MaxInline:       64 << 10,
	MaxQuery:        256 << 10,
	Unauthenticated: true,
}

// PostAuth is what an authenticated connection may send by default.
var PostAuth = Limits{
	MaxArgs:   1 << 20,
	MaxBulk:   512 << 20,
	MaxInline: 64 << 10,
	MaxQuery:  1 << 30,
}

// filled returns l with every zero field set as in PostAuth.
func (l Limits) filled() Limits {
	if l.MaxArgs <= 0 {
		l.MaxArgs = PostAuth.MaxArgs
	}
	if l.MaxBulk <= 0 {
		l.MaxBulk = PostAuth.MaxBulk
	}
	if l.MaxInline <= 0 {
		l.MaxInline = PostAuth.MaxInline
	}
	if l.MaxQuery <= 0 {
		l.MaxQuery = PostAuth.MaxQuery
	}
	return l
}
