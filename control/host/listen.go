package host

import (
	"time"

	"crdb/resp"
)

func (i *instance) listen(addr string) (Server, error) {
	if wanted, most := i.config.Int("maxclients"), mostClients(); wanted > int64(most) {
		i.logger.Warn("the limit of open files leaves room for fewer clients than maxclients: raise it (ulimit -n)", "maxclients", wanted, "room", most)
	}
	if parts := i.host.opts.Parts; parts != nil {
		return parts.Listen(i.spec, i.serverOptions(addr))
	}
	server, err := resp.Listen(i.serverOptions(addr))
	if err != nil {
		return nil, err // not server: a nil *resp.Server is no nil Server
	}
	return server, nil
}

func (i *instance) serverOptions(addr string) resp.ServerOptions {
	most := mostClients()
	return resp.ServerOptions{
		Addr: addr, Loops: i.host.settings.IOThreads, Nice: i.nice, NewSession: i.commands.NewSession,
		MaxClients:         func() int { return min(int(i.config.Int("maxclients")), most) },
		IdleTimeout:        func() time.Duration { return time.Duration(i.config.Int("timeout")) * time.Second },
		PendingOutputLimit: i.commands.OutputLimit,
		TCPKeepAlive:       keepAlive(i.config.Int("tcp-keepalive")),
		Logger:             i.logger,
	}
}

// nice favours the event loops while a region catches up. At all times would not
// do: a loop that runs as soon as anything has come does less at a time.
func (i *instance) nice() int {
	if urgent := i.host.opts.Urgent; urgent != nil && urgent() {
		return i.host.settings.IOThreadsNice
	}
	return 0
}

// served rises with every byte that clients send.
func (i *instance) served() (bytes uint64) {
	if s := i.server.Load(); s != nil {
		bytes = s.Stats().BytesIn
	}
	if s := i.socket.Load(); s != nil {
		bytes += s.Stats().BytesIn
	}
	return bytes
}

// rejected counts the connections turned away at maxclients.
func (i *instance) rejected() int64 {
	if s := i.server.Load(); s != nil {
		return int64(s.Stats().Rejected)
	}
	return 0
}

// keepAlive turns redis.conf's seconds, 0 meaning off, into resp's.
func keepAlive(seconds int64) time.Duration {
	if seconds == 0 {
		return -1
	}
	return time.Duration(seconds) * time.Second
}
