# Plain verbs. `make` alone lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh
GO ?= go
IMAGE ?= crdb:local
FUZZTIME ?= 20s
# One way to build for everything but the race detector, so that nothing is compiled twice. `go build` alone would use
# the profile for cmd/crdb only, and compile what the tests need once more without it.
export CGO_ENABLED = 0
export GOFLAGS := $(GOFLAGS) -trimpath -pgo=$(CURDIR)/cmd/crdb/default.pgo
# The tests that start processes take the binaries of `make build`, or build their own without this.
ON_BUILD = CRDB_BIN=$(CURDIR)/build

# Packages whose tests start processes have targets of their own and run one after the other.
UNIT = $(shell $(GO) list ./... | grep -v -E '/testbed/(oracle|conformance|scenario|regions|clients|suites|refusal|compose|move|sim)(/|$$)')
# What the simulator plays.
SIM_FROM ?= 1
SIM = $(if $(CONFIG),-config '$(CONFIG)',$(if $(SEED),-seed $(SEED),-runs 200 -mutants))
SIM_RACE ?= 6
# Packages with goroutines of their own: run with the race detector too.
RACED = $(shell $(GO) list ./... | grep -E '^crdb/(resp|oplog|engine|command|peer|control)(/|$$)')

.PHONY: help build image demo test install warm unit race lint oracle sim sim-race sim-long conformance scenario regions outside clients suites move refusal compose fuzz bench bench-all profile torture upgrade reliability reliability-large generate up partition heal down clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

build: ## build crdb and crdb-cli into build/
	$(GO) build -o build/ ./cmd/crdb ./cmd/crdb-cli

image: ## build the container image (crdb:local)
	$(GO) build -o build/image/ ./cmd/crdb ./cmd/crdb-cli
	mkdir -p build/image/data
	docker build -t $(IMAGE) .

demo: build ## three regions in one process, for redis-cli
	build/crdb demo

test: install warm lint unit race sim sim-race oracle conformance scenario regions outside compose ## everything; installs what it needs when run as root

install: ## install what the tests need (Debian, as root)
	@testbed/install.sh

warm: # what the suites need comes from the module proxy, which may take minutes
	@nice -n 19 testbed/suites/warm.sh >/dev/null 2>&1 &

unit: ## tests that need nothing but Go
	GOGC=400 $(GO) test -p 3 $(UNIT)

race: ## tests of the packages with goroutines, with the race detector
	CGO_ENABLED=1 GOGC=400 $(GO) test -p 3 -race -pgo=off -short $(RACED)

lint: ## go vet and the project's own rules
	$(GO) vet ./...
	$(GO) test -count=1 ./testbed/lint

oracle: build ## the same commands to redis-server and to crdb, replies compared
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 10m ./testbed/oracle/...

sim: ## whole clusters in virtual time, with every fault there is (SEED=7 or CONFIG='{...}' plays one run)
	cd testbed/sim && $(GO) test -count=1 -timeout 20m -args $(SIM)

sim-race: ## some runs of the simulator with the race detector (SIM_RACE=6, SIM_FROM=1)
	cd testbed/sim && CGO_ENABLED=1 $(GO) test -race -pgo=off -count=1 -timeout 2h -run TestSeeds -args -runs $(SIM_RACE) -from $(SIM_FROM) -shrink=false

sim-long: SIM = -runs 10000 -from $(SIM_FROM) -mutants
sim-long: ## 10,000 runs of the simulator (SIM_FROM=1)
	cd testbed/sim && $(GO) test -count=1 -timeout 12h -args $(SIM)

conformance: build ## concurrent commands on three nodes with cut links
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 10m -v ./testbed/conformance

scenario: build ## partitions, crashes and pauses under load
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 20m -v ./testbed/scenario

regions: build ## random commands of all types in three regions that break (REGIONS_SECONDS, REGIONS_SEED)
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 12h -v ./testbed/regions

outside: build ## clients, move and refusal, with suites beside them: its tests mostly wait
	@$(MAKE) suites >build/suites.txt 2>&1 & suites=$$!; status=0; \
	$(MAKE) --keep-going clients move refusal || status=$$?; \
	wait $$suites || status=$$?; cat build/suites.txt; exit $$status

clients: build ## go-redis, redis-py and node-redis
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 5m -v ./testbed/clients

move: build ## dump files from and to redis-server
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 10m -v ./testbed/move

suites: build ## the own tests of asynq and redsync, where the module proxy answers
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 10m -parallel 8 -v ./testbed/suites

refusal: build ## bad flags, files, ports, directories and bytes
	$(ON_BUILD) $(GO) test -count=1 -p 1 -timeout 5m ./testbed/refusal

compose: ## three regions in containers, cut and healed, where a Docker engine answers
	$(GO) test -count=1 -p 1 -timeout 10m -v ./testbed/compose

fuzz: ## every fuzz target for FUZZTIME (20s)
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
		echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done

bench: ## compare with redis-server and write docs/performance.md (BENCH=-quick for a short run)
	$(GO) run ./testbed/bench $(BENCH)

bench-all: ## commands of every family and million-element keys, into docs/performance-families.md (minutes)
	$(GO) run ./testbed/bench -all $(BENCH)

profile: ## write the profile by which the compiler optimises, cmd/crdb/default.pgo, anew (minutes, on a quiet machine)
	$(GO) run ./testbed/bench -profile cmd/crdb/default.pgo

torture: build ## trouble of all kinds for an hour (TORTURE=1h), five regions under load
	$(ON_BUILD) CRDB_TORTURE=$(or $(TORTURE),1h) $(GO) test -count=1 -timeout 0 -v ./testbed/scenario -run TestTorture

upgrade: build ## from an older build to this one, a region at a time, under load (FROM=COMMIT)
	rm -rf build/upgrade && mkdir -p build/upgrade && git archive $(FROM) | tar x -C build/upgrade
	cd build/upgrade && $(GO) build -o bin/ ./cmd/crdb
	$(ON_BUILD) CRDB_UPGRADE_FROM=$(CURDIR)/build/upgrade/bin/crdb $(GO) test -count=1 -v ./testbed/scenario -run TestUpgrade

reliability: build ## measure recovery, catching up and verify, and rewrite docs/reliability.md
	$(ON_BUILD) $(GO) run ./testbed/reliability

reliability-large: build ## the same with ten million keys
	$(ON_BUILD) $(GO) run ./testbed/reliability -large

generate: ## make the generated code anew
	$(GO) generate ./...

up: image ## three regions in containers, with a database, on 127.0.0.1:6379 to 6381
	@testbed/compose/regions.sh up

partition: ## cut two regions apart: make partition A=us-east B=eu-west
	@testbed/compose/regions.sh partition $(A) $(B)

heal: ## mend every cut between the containers
	@testbed/compose/regions.sh heal

down: ## remove the containers and their data
	@testbed/compose/regions.sh down

clean: ## remove what was built
	rm -rf build
