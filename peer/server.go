package peer

import (
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"crdb/proto/peerpb"
)

// ServerOptions configure NewServer.
type ServerOptions struct {
	Listener    net.Listener
	Credentials credentials.TransportCredentials // nil: plain text
	Handshake   time.Duration                    // for connecting and for the first message; default 10 s
}

// Server is the gRPC server of one node, for the Replicators of all databases
// it hosts.
type Server struct {
	peerpb.UnimplementedReplicationServer
	opts ServerOptions
	grpc *grpc.Server

	mu struct {
		sync.RWMutex
		hosted map[string]*Replicator // by database GUID
	}
}

const (
	// maxStreams bounds the streams of one connection. A peer's connection
	// carries one Follow and a few Fetches.
	maxStreams = 64
	// maxFromFollower bounds one message of a follower: a few vectors.
	maxFromFollower = 256 << 10
	maxHeaderList   = 16 << 10
	// maxConns bounds the connections of one node. Every link of every database
	// has one; those without a stream are closed after a minute.
	maxConns = 4096
)

// NewServer returns a server that is not running yet.
func NewServer(opts ServerOptions) *Server {
	def(&opts.Handshake, 10*time.Second)
	opts.Listener = netutil.LimitListener(opts.Listener, maxConns)
	s := &Server{opts: opts}
	s.mu.hosted = map[string]*Replicator{}
	o := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxRecvMsgSize(maxFromFollower),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxHeaderListSize(maxHeaderList),
		grpc.ConnectionTimeout(opts.Handshake),
		grpc.SharedWriteBuffer(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: time.Minute, Time: 15 * time.Second, Timeout: 10 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}),
	}
	if opts.Credentials != nil {
		o = append(o, grpc.Creds(opts.Credentials))
	}
	s.grpc = grpc.NewServer(o...)
	peerpb.RegisterReplicationServer(s.grpc, s)
	return s
}

// Serve accepts connections until Close.
func (s *Server) Serve() error {
	err := s.grpc.Serve(s.opts.Listener)
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// Close ends all streams, closes the listener and waits for the handlers.
func (s *Server) Close() { s.grpc.Stop() }

// Addr returns where the server listens.
func (s *Server) Addr() net.Addr { return s.opts.Listener.Addr() }

// Register makes a Replicator reachable under its database's GUID.
func (s *Server) Register(database string, r *Replicator) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.hosted[database] != nil {
		return fmt.Errorf("peer: database %s is already served here", database)
	}
	s.mu.hosted[database] = r
	return nil
}

// Unregister undoes Register. Streams under way end with the Replicator.
func (s *Server) Unregister(database string) {
	s.mu.Lock()
	delete(s.mu.hosted, database)
	s.mu.Unlock()
}

func (s *Server) find(id *peerpb.Identity) (*Replicator, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.mu.hosted[id.GetDatabase()]; r != nil {
		return r, nil
	}
	return nil, refuse(peerpb.Refusal_DATABASE, "this node has no database %q, or is still loading it", id.GetDatabase())
}

// Follow implements the Replication service.
func (s *Server) Follow(stream outStream) error {
	hello, err := receiveHello(stream, s.opts.Handshake)
	if err != nil {
		return toStatus(err)
	}
	r, err := s.find(hello.GetIdentity())
	if err != nil {
		return toStatus(err)
	}
	return toStatus(r.serveFollow(stream, hello))
}

// Transfer implements the Replication service.
func (s *Server) Transfer(req *peerpb.TransferRequest, stream grpc.ServerStreamingServer[peerpb.FromSource]) error {
	r, err := s.find(req.GetIdentity())
	if err != nil {
		return toStatus(err)
	}
	return toStatus(r.serveTransfer(req, stream))
}

// Fetch implements the Replication service.
func (s *Server) Fetch(req *peerpb.FetchRequest, stream grpc.ServerStreamingServer[peerpb.FromSource]) error {
	r, err := s.find(req.GetIdentity())
	if err != nil {
		return toStatus(err)
	}
	return toStatus(r.serveFetch(req, stream))
}
