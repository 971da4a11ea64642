package workload

import (
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/etcd-firedrill/firedrill/harness"
)

// precede lists the errors that etcd 3.7.3 returns only before it proposes, so
// that the write never takes effect. The list is short on purpose: each entry
// was read in etcd's source, from the place that returns it to raft's Propose.
// Not here, though they look like it:
//   - ErrNoSpace: the quota is checked again when the entry is applied, and the
//     write was applied then (measured: 31 of 96 writes refused so were present);
//   - ErrNoLeader, ErrLeaderChanged, ErrTimeout…, Unavailable: the proposal may
//     be on its way, and be committed by the next leader.
var precede = []error{
	// server/v3/etcdserver/v3_server.go, processInternalRaftRequestOnce: the
	// first thing it looks at is how far applying lags behind committing.
	rpctypes.ErrTooManyRequests,
	// The same function measures the marshalled request before Propose.
	rpctypes.ErrRequestTooLarge,
	// api/v3rpc/key.go: checkPutRequest, checkDeleteRequest and checkTxnRequest
	// run before the request reaches the server proper.
	rpctypes.ErrEmptyKey,
	// api/v3rpc/interceptor.go, newUnaryInterceptor: a member that is not yet
	// capable, and a learner, refuse before the handler is called.
	rpctypes.ErrNotCapable,
	rpctypes.Error(rpctypes.ErrGRPCNotSupportedForLearner),
}

// outcome tells how an operation ended from the client's error, nil included.
// The error is one call's: the client library sends a write again by itself
// only where no connection was there to send it on.
func outcome(err error) harness.Outcome {
	if err == nil {
		return harness.Acked
	}
	for _, known := range precede {
		if errors.Is(err, known) {
			return harness.Rejected
		}
	}
	return harness.Unknown
}
