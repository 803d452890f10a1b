# Set-up is part of each of these; CONTRIBUTING.md says what they do. `make run ARGS="--listen 0.0.0.0:8080"`.
.PHONY: run build test bench soak fuzz fmt setup

run:
	@scripts/run.sh $(ARGS)
build:
	@scripts/build.sh
test:
	@scripts/test.sh
bench:
	@scripts/bench.sh $(ARGS)
soak:
	@scripts/soak.sh
fuzz:
	@scripts/fuzz.sh
fmt:
	@scripts/fmt.sh
setup:
	@scripts/setup.sh
