# Potion: build, test and measure. Run `make` or `make help` for the list.

GO      ?= go
BIN     := bin/potion
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# Packages in which several goroutines share memory.
CONCURRENT := ./cpu/... ./engine/session/... ./engine/tokenizer/... ./engine/sample/... ./engine/chat/... ./cuda/driver/...

# On Linux with gcc the GPU backend is built in; it needs no CUDA toolkit, and no driver before
# it is used. Elsewhere, or with CUDA=0, the program runs on the CPU only. The checksum is there
# because Go does not notice a changed header.
CUDA ?= $(if $(and $(filter linux,$(shell $(GO) env GOOS)),$(shell command -v $${CC:-gcc} 2>/dev/null)),1,0)
ifeq ($(CUDA),1)
export CGO_ENABLED := 1
export CGO_CFLAGS := -O2 "-I$(CURDIR)/cuda/driver/include" -DPOTION_CUDA_H=$(shell cksum < cuda/driver/include/cuda.h | cut -d' ' -f1)
TAGS := -tags cuda,netgo,osusergo
else
export CGO_ENABLED := 0
TAGS :=
endif

.DEFAULT_GOAL := help
.PHONY: help build run test race arm64 asm lint bench ptx-report mutate gpu-check cross fuzz clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/potion
ifneq ($(CUDA),1)
	@echo 'building for the CPU only: the GPU backend needs Linux and gcc' >&2
endif
	$(GO) build -trimpath $(TAGS) -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/potion

run: build ## generate a story from the embedded demo model
	./$(BIN) generate --seed 7 -n 120 "Once upon a time"

test: ## run all tests
	$(GO) test $(TAGS) ./...

race: ## run the tests of concurrent packages under the race detector (needs gcc)
	CGO_ENABLED=1 $(GO) test -race -short $(TAGS) $(CONCURRENT)

arm64: ## run the CPU backend's tests on an emulated arm64, with and without FEAT_DotProd (needs qemu-user)
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -run 'Quantize|Dot|Panel|Unpack|Mix|Elements|Level|Parity/neon' -exec 'qemu-aarch64 -cpu max' ./cpu
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -run 'Quantize|Dot|Panel|Level' -exec 'qemu-aarch64 -cpu cortex-a53' ./cpu

asm: ## see that the amd64 assembly is what its generators write
	cd cpu/internal/asmgen && CGO_ENABLED=0 $(GO) test .
	cd cuda/emulator/internal/asmgen && CGO_ENABLED=0 $(GO) test .

lint: ## gofmt, go vet and staticcheck
	@test -z "$$(gofmt -l .)" || { echo 'not gofmt-clean:'; gofmt -l .; exit 1; }
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
ifeq ($(CUDA),1)
	$(GO) vet $(TAGS) ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(TAGS) ./cuda/... ./cmd/...
endif

bench: ## time every operation of the CPU backend
	$(GO) test -run '^$$' -bench . -benchtime 0.3s ./cpu

ptx-report: ## registers, shared memory and spills of every kernel, as ptxas counts them
	$(GO) run ./kernels/report

mutate: ## edit kernels one instruction at a time and see that a test fails each time
	$(GO) run ./kernels/mutate

gpu-check: build ## check and measure this machine's GPU into benchmarks/results
	$(GO) build -trimpath -o bin/synth ./benchmarks/synth
	benchmarks/gpu-check.sh $(BIN) bin/synth

cross: ## build for every platform
	@for p in $(PLATFORMS); do \
	  echo "build $$p"; \
	  CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null ./cmd/potion || exit 1; \
	done

fuzz: ## run every fuzz target for a minute
	@for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' . ); do \
	  for t in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' $$f); do \
	    echo "$$(dirname $$f) $$t"; $(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime 60s ./$$(dirname $$f) || exit 1; \
	  done; \
	done

clean: ## remove what was built
	rm -rf bin
