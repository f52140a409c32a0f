package host

import (
	"fmt"
	"io/fs"
	"strconv"

	"crdb/resp"
)

// listenSocket opens the unix socket of the configuration, if there is one. It
// belongs to the database that is served first; the others of this node are at
// their ports only.
func (i *instance) listenSocket() (*resp.Server, error) {
	path := i.config.String("unixsocket")
	if path == "" {
		return nil, nil
	}
	perm, err := socketPerm(i.config.String("unixsocketperm"))
	if err != nil {
		return nil, err
	}
	if !i.takeSocket() {
		i.logger.Warn("the unix socket belongs to another database of this node", "path", path)
		return nil, nil
	}
	o := i.serverOptions("unix:" + path)
	o.UnixPerm = perm
	server, err := resp.Listen(o)
	if err != nil {
		i.leaveSocket()
		return nil, fmt.Errorf("unix socket %s: %w", path, err)
	}
	return server, nil
}

// socketPerm reads the octal number that redis.conf has; 0 leaves it to resp.
func socketPerm(text string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("unixsocketperm %q is no octal number of three digits", text)
	}
	return fs.FileMode(n), nil
}

func (i *instance) takeSocket() bool {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	if i.host.mu.socket == nil {
		i.host.mu.socket = i
	}
	return i.host.mu.socket == i
}

func (i *instance) leaveSocket() {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	if i.host.mu.socket == i {
		i.host.mu.socket = nil
	}
}
