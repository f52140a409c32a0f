package command

import (
	"slices"
	"strings"
)

const (
	msgCachingMode   = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
	msgSwitchOpt     = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	msgSwitchBcast   = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
	msgNoOverlapping = "' overlaps with an existing prefix '"
)

func clientCaching(c *Context) {
	how := c.S.track
	if how == nil {
		c.Out.Error(msgCachingMode)
		return
	}
	switch {
	case equalFold(c.Args[2], "yes") && !how.optIn:
		c.Out.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
	case equalFold(c.Args[2], "no") && !how.optOut:
		c.Out.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
	case equalFold(c.Args[2], "yes"), equalFold(c.Args[2], "no"):
		how.caching = true
		c.Out.OK()
	default:
		c.Out.Error(msgSyntax)
	}
}

func clientGetRedir(c *Context) { c.Out.Int(c.S.redirection()) }

// redirection is -1 without tracking, 0 without redirection.
func (s *Session) redirection() int64 {
	if s.track == nil {
		return -1
	}
	return int64(s.track.redirect)
}

func clientTrackingInfo(c *Context) {
	s := c.S
	var flags, prefixes []string
	if how := s.track; how == nil {
		flags = []string{"off"}
	} else {
		flags, prefixes = append(flags, "on"), how.prefixes
		for _, f := range []struct {
			on   bool
			word string
		}{
			{how.broadcast, "bcast"},
			{how.optIn, "optin"}, {how.optIn && how.caching, "caching-yes"},
			{how.optOut, "optout"}, {how.optOut && how.caching, "caching-no"},
			{how.noLoop, "noloop"}, {s.info.state().redirBroken, "broken_redirect"},
		} {
			if f.on {
				flags = append(flags, f.word)
			}
		}
	}
	c.Out.Map(3)
	c.Out.BulkString("flags")
	c.Out.Set(len(flags))
	for _, f := range flags {
		c.Out.BulkString(f)
	}
	number(c.Out, "redirect", int(s.redirection()))
	c.Out.BulkString("prefixes")
	bulks(c.Out, prefixes)
}

func clientTracking(c *Context) {
	how, ok := c.trackingOptions()
	if !ok {
		return
	}
	s := c.S
	switch {
	case equalFold(c.Args[2], "off"):
		s.endTracking()
	case !equalFold(c.Args[2], "on"):
		c.Out.Error(msgSyntax)
		return
	default:
		if text := s.trackingFault(how); text != "" {
			c.Out.Error(text)
			return
		}
		if how.broadcast && len(how.prefixes) == 0 {
			how.prefixes = []string{""} // that of all keys, also when it comes later, as in Redis
		}
		if s.track != nil {
			how.prefixes = append(how.prefixes, s.track.prefixes...)
		}
		slices.Sort(how.prefixes)
		how.prefixes = slices.Compact(how.prefixes)
		s.track = how
		s.extra |= extraTrack
		own := *how // caching is the session's alone
		c.Server.tracking.start(c.Server, s, &own)
	}
	c.Out.OK()
}

func (c *Context) trackingOptions() (how *tracked, ok bool) {
	how = &tracked{}
	for i := 3; i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		switch {
		case equalFold(c.Args[i], "redirect") && more:
			i++
			if how.redirect != 0 {
				c.Out.Error("ERR A client can only redirect to a single other client")
				return nil, false
			}
			id, ok := c.argInt(i)
			if !ok {
				return nil, false
			}
			if c.Server.sessions.get(uint64(id)) == nil {
				c.Out.Error("ERR The client ID you want redirect to does not exist")
				return nil, false
			}
			how.redirect = uint64(id)
		case equalFold(c.Args[i], "bcast"):
			how.broadcast = true
		case equalFold(c.Args[i], "optin"):
			how.optIn = true
		case equalFold(c.Args[i], "optout"):
			how.optOut = true
		case equalFold(c.Args[i], "noloop"):
			how.noLoop = true
		case equalFold(c.Args[i], "prefix") && more:
			i++
			how.prefixes = append(how.prefixes, string(c.Args[i]))
		default:
			c.Out.Error(msgSyntax)
			return nil, false
		}
	}
	return how, true
}

// trackingFault says what is wrong with new options.
func (s *Session) trackingFault(how *tracked) string {
	old := s.track
	switch {
	case !how.broadcast && len(how.prefixes) > 0:
		return "ERR PREFIX option requires BCAST mode to be enabled"
	case old != nil && old.broadcast != how.broadcast:
		return msgSwitchBcast
	case how.broadcast && (how.optIn || how.optOut):
		return "ERR OPTIN and OPTOUT are not compatible with BCAST"
	case how.optIn && how.optOut:
		return "ERR You can't specify both OPTIN mode and OPTOUT mode"
	case old != nil && (how.optIn && old.optOut || how.optOut && old.optIn):
		return msgSwitchOpt
	}
	for i, p := range how.prefixes {
		if old != nil {
			for _, q := range old.prefixes {
				if overlap(p, q) {
					return "ERR Prefix '" + p + msgNoOverlapping + q + "'. Prefixes for a single client must not overlap."
				}
			}
		}
		for _, q := range how.prefixes[i+1:] {
			if overlap(p, q) {
				return "ERR Prefix '" + p + "' overlaps with another provided prefix '" + q + "'. Prefixes for a single client must not overlap."
			}
		}
	}
	return ""
}

func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
