package main

import (
	"context"
	"errors"

	"github.com/etcd-firedrill/firedrill/harness"
)

var errNoContainers = errors.New("the container runtime is not in this build\nhint: use --runtime process")

func engineVersion(context.Context) (string, error) { return "", errNoContainers }

func newContainers(context.Context, place) (harness.Runtime, error) { return nil, errNoContainers }

func sweepContainers(context.Context) ([]string, error) { return nil, nil }
