# CGO_ENABLED=0: our binary is the agent and etcd on hosts that hold no C library.
export CGO_ENABLED = 0
# For all that is built alike, so that it is compiled once: etcd alone takes a minute.
GOFLAGS += -trimpath
export GOFLAGS

GO       ?= go
GOLANGCI ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: all build test short bench catalogue lint format clean

all: build

# The command, in bin/.
build:
	$(GO) build -o bin/firedrill ./cmd/firedrill

# Every test, on both runtimes where a Docker engine answers. Packages run side by
# side, one more than there are cores, those that take longest first. Scenarios run
# five for two cores: a drill waits for most of its time, and four at a time left two
# cores idle for 38 % of theirs. They are shuffled, so that those that take longest can
# begin first.
# go test ./scenarios runs them one by one.
PROCS ?= $(shell echo $$(( $$(nproc) + 1 )))
DRILLS ?= $(shell echo $$(( $$(nproc) * 5 / 2 )))
LONG := ./harness/drill ./harness/container ./cmd/firedrill ./harness/gameday ./harness/agent
test:
	$(GO) vet ./...
	$(GO) test -count=1 -p $(PROCS) -timeout 60m $(LONG) $$($(GO) list ./... | grep -v -e /scenarios$$ $(LONG:.%=-e %$$))
	$(GO) run github.com/onsi/ginkgo/v2/ginkgo --procs=$(DRILLS) --randomize-all --timeout 75m --junit-report=scenarios.junit.xml --output-dir=bin ./scenarios

# Only what needs no host: no drill, no runtime. Single processes of etcd there are.
short:
	$(GO) test -count=1 -short -timeout 5m ./...

# The promises on speed and memory, as a table of ratios measured in this run.
bench:
	FIREDRILL_BENCH=full $(GO) test -count=1 -p 1 -timeout 120m -run '^$$' -bench . -benchtime 1x ./...

# Every scenario so often on each runtime, and README.md's catalogue made of it.
# Drills that did not hold are figures too; only a broken harness (3) ends it.
REPEAT ?= 5
catalogue: build
	bin/firedrill run --all --repeat $(REPEAT) --runtime process --json --out bin/firedrill-runs >bin/process.json || [ $$? -lt 3 ]
	bin/firedrill run --all --repeat $(REPEAT) --runtime container --json --out bin/firedrill-runs >bin/container.json || [ $$? -lt 3 ]
	bin/firedrill catalogue --write README.md bin/process.json bin/container.json

lint:
	$(GOLANGCI) run

format:
	$(GOLANGCI) fmt

# What make made, and what drills left behind that were killed.
clean: build
	bin/firedrill clean
	rm -rf bin
