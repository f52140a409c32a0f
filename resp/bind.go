package resp

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// bind opens the listener.
func (o *ServerOptions) bind() (net.Listener, net.Addr, error) {
	if o.unix() {
		return o.bindUnix(strings.TrimPrefix(o.Addr, "unix:"))
	}
	listen := o.listen
	if listen == nil {
		config := net.ListenConfig{KeepAlive: o.TCPKeepAlive}
		listen = func(network, addr string) (net.Listener, error) {
			return config.Listen(context.Background(), network, addr)
		}
	}
	ln, err := listen("tcp", o.Addr)
	if err != nil {
		return nil, nil, err
	}
	return ln, ln.Addr(), nil
}

// bindUnix makes the socket in a directory nobody else can enter, sets its
// mode there, and only then moves it to its place, so that it never can be
// connected to under a wider mode. A socket left over at path is replaced.
func (o *ServerOptions) bindUnix(path string) (net.Listener, net.Addr, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket == 0 {
		return nil, nil, errors.New("the path exists and is not a socket")
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	private := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return nil, nil, err
	}
	ln.SetUnlinkOnClose(false)
	if err = os.Chmod(private, o.UnixPerm.Perm()); err == nil {
		err = os.Rename(private, path)
	}
	if err != nil {
		_ = ln.Close()
		return nil, nil, err
	}
	return ln, &net.UnixAddr{Name: path, Net: "unix"}, nil
}
