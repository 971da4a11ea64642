package client

import (
	"context"

	"google.golang.org/grpc/stats"
)

type sendingKey struct{}

// Sending has noted whenever a request of this context may be given to a connection: when
// it is begun, when the connection that it had to wait for is there, and each time that it
// is tried again. The last time is the one from which on an answer can have been asked for.
func Sending(ctx context.Context, note func()) context.Context {
	return context.WithValue(ctx, sendingKey{}, note)
}

// sending tells who asked for it by Sending. gRPC calls it before it goes on with a request.
type sending struct{}

func (sending) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (sending) HandleRPC(ctx context.Context, what stats.RPCStats) {
	switch what.(type) {
	case *stats.Begin, *stats.DelayedPickComplete:
		if note, asked := ctx.Value(sendingKey{}).(func()); asked {
			note()
		}
	}
}

func (sending) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (sending) HandleConn(context.Context, stats.ConnStats) {}
