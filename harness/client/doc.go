// Package client is the one place that dials etcd. What a client is set to
// decides what outage it sees, so nobody else calls clientv3.New (a test holds
// that): New's clients see etcd's outage, NewStock's what an application with
// clientv3's own settings sees.
//
// It imports clientv3 and nothing of ours.
package client
