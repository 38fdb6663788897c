# GNU make 3.81 (macOS) is enough. `make` alone lists the targets.
STACK   ?= mlops
REGION  ?=
PROFILE ?=
PARAMS  ?=
ROLE    ?=
IMAGE   ?=
DATA    ?= digits
SOURCE  ?=
YES     ?=
CODE    ?= container
CHANNEL ?= build/data
JOB     ?=
FOR     ?= 0
PORT    ?= 8080
PYTHON  ?= python3
# Of this command alone: what the environment happens to hold under such a name decides nothing
VERSION =
TO      =
ASK     =
REASON  =
FORCE   =
JSON    =
INPUT   =
OUTPUT  =
REBUILD =
RUN     =
STOP    =

# A value is text, as it was typed: make would read each $ in it, and run $(shell …). Recipes read
# it from the environment, so that it is no shell code either.
GIVEN := STACK REGION PROFILE PARAMS ROLE IMAGE DATA SOURCE YES CODE CHANNEL JOB VERSION TO REASON \
         FORCE JSON ASK FOR PORT PYTHON INPUT OUTPUT STOP REBUILD RUN
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)
# aws (git's credential helper) and the generator's tools come from the project's environment
export PATH := $(CURDIR)/.venv/bin:$(PATH)

VENV := .venv/.installed
PY   := .venv/bin/python
WHERE = --stack "$$STACK" --region "$$REGION" --profile "$$PROFILE"
SURE  = $(if $(YES),--yes)
# More processes than two cores, since stories wait for a good part of their time: three share the
# files, in the order in which conftest.py puts them
AT_ONCE = 3
PYTEST = $(PY) -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder
# What the jobs of container/ and the tests of a push begin with, as its image has it, is imported once
LOAD := $(addprefix --load ,tensorflow keras TF_CPP_MIN_LOG_LEVEL=2 TF_ENABLE_ONEDNN_OPTS=1)
REGIONS := us-east-1 eu-west-1 cn-north-1 cn-northwest-1 us-gov-west-1
TEMPLATES := build/mlops.yaml build/bootstrap.yaml build/deployer.yaml

.DEFAULT_GOAL := help
.PHONY: help lint generate upload create-stack deploy demo local status logs predict train \
        models report trace cost batch approve reject rollback destroy train-local serve-local reclaim \
        drift data-upload \
        test test-quick test-local image sbom bench data golden docs lock clean check

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  STACK=$$STACK REGION= PROFILE= PARAMS='Key=Value Key=Value' ROLE=arn YES=1 (do not ask)"

deploy: NEXT = --brief
deploy: check lint generate upload create-stack ## check, lint, generate, upload, create-stack

check: generate ## look at STACK, REGION, PROFILE, PARAMS and ROLE before anything is done
	@$(PY) -m scripts.create_stack $(WHERE) --parameters "$$PARAMS" --role "$$ROLE" --check

demo: $(VENV) ## the whole system on this machine, in about a minute
	@$(PY) -m scripts.demo $(LOAD)

local: $(VENV) ## run the local AWS endpoint until Ctrl-C
	@$(PY) -m local $(LOAD)

generate: $(VENV) ## write build/mlops.yaml, bootstrap.yaml and deployer.yaml
	@$(PY) generate.py

upload: generate ## put template, code and seed data in the bootstrap bucket
	@$(PY) -m scripts.upload $(WHERE) --role "$$ROLE" $(SURE) $(NEXT)

create-stack: $(VENV) ## create or update the stack from what was uploaded
	@$(PY) -m scripts.create_stack $(WHERE) --parameters "$$PARAMS" --role "$$ROLE" $(SURE)

status: $(VENV) ## stack, pipeline, training and endpoint at a glance
	@$(PY) -m scripts.status $(WHERE)

logs: $(VENV) ## follow the log of the running step
	@$(PY) -m scripts.logs $(WHERE)

predict: $(VENV) ## ask the endpoint about IMAGE=x.png (.jpg .npy .json)
	@if [ -z "$$IMAGE" ]; then \
	  echo "Error: pass IMAGE=<PNG, JPEG, NPY or JSON file>; \`make data\` writes a PNG" >&2; exit 2; fi
	@$(PY) -m scripts.predict $(WHERE) -- "$$IMAGE"

data-upload: $(VENV) ## send a folder of data, which starts a training (INPUT=build/data)
	@$(PY) -m scripts.data_upload $(WHERE) $(if $(INPUT),--input "$$INPUT")

drift: $(VENV) ## what the last looks at drift have found (RUN=1 looks now)
	@$(PY) -m scripts.drift $(WHERE) $(if $(RUN),--run)

batch: $(VENV) ## let a version answer INPUT=folder or s3://… (OUTPUT= VERSION=; STOP=name)
	@$(PY) -m scripts.batch $(WHERE) --version "$$VERSION" --output "$$OUTPUT" --stop "$$STOP" -- "$$INPUT"

train: $(VENV) ## train the newest commit and data, and follow it (FORCE=reason REBUILD=1)
	@$(PY) -m scripts.train $(WHERE) $(if $(FORCE),--force "$$FORCE") $(if $(REBUILD),--rebuild)

models: $(VENV) ## list the versions: how good, what was decided, which serves
	@$(PY) -m scripts.models $(WHERE)

report: $(VENV) ## fetch and open the report of the newest model (VERSION=)
	@$(PY) -m scripts.report $(WHERE) --version "$$VERSION"

trace: $(VENV) ## from what serves back to data and commit (VERSION= JSON=1)
	@$(PY) -m scripts.trace $(WHERE) --version "$$VERSION" $(if $(JSON),--json)

cost: generate ## what PARAMS, or the stack, costs: idle, a training, a deployment (ASK=1 JSON=1)
	@$(PY) -m scripts.cost $(WHERE) --parameters "$$PARAMS" $(if $(ASK),--ask) $(if $(JSON),--json)

approve: $(VENV) ## let the version that waits be deployed (VERSION= REASON=)
	@$(PY) -m scripts.decide $(WHERE) $(SURE) --version "$$VERSION" --reason "$$REASON" approve

reject: $(VENV) ## let the version that waits not be deployed (REASON= VERSION=)
	@$(PY) -m scripts.decide $(WHERE) $(SURE) --version "$$VERSION" --reason "$$REASON" reject

rollback: $(VENV) ## take the endpoint back to the last good version (TO= REASON=)
	@$(PY) -m scripts.rollback $(WHERE) $(SURE) --to "$$TO" --reason "$$REASON"

destroy: $(VENV) ## remove everything of the stack, asking before data
	@$(PY) -m scripts.destroy $(WHERE) $(SURE)

train-local: $(VENV) ## run the model's training here, without AWS (CODE= CHANNEL=)
	@$(PY) -m scripts.laptop train --code "$$CODE" --channel "$$CHANNEL"

serve-local: $(VENV) ## serve what train-local trained (PORT=8080)
	@$(PY) -m scripts.laptop serve --code "$$CODE" --channel "$$CHANNEL" --port "$$PORT"

reclaim: $(VENV) ## take a spot job's machines away, locally (JOB=name FOR=seconds)
	@if [ -z "$$JOB" ]; then \
	  echo "Error: pass JOB=<training job>; \`make logs\` names the running one" >&2; exit 2; fi
	@$(PY) -m local.reclaim --for "$$FOR" -- "$$JOB"

data: $(VENV) ## write the data to build/data (DATA=cifar10 SOURCE=archive)
	@$(PY) -m scripts.data "$$DATA" $(if $(SOURCE),--source "$$SOURCE")

# cfn-lint, which takes longest, is left out where it had nothing to say of these very files
lint: generate ## check code, types and the templates for five regions
	@echo "ruff, mypy, cfn-lint for $(REGIONS)"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@{ given="$(REGIONS) $$(cksum $(TEMPLATES) requirements.lock Makefile)"; \
	  [ "$$(cat build/.linted 2>/dev/null)" = "$$given" ] || { \
	  .venv/bin/cfn-lint --include-checks I3042 --regions $(REGIONS) --template $(TEMPLATES) && \
	  echo "$$given" >build/.linted; }; } & templates=$$!; \
	$(PY) -m mypy --exclude '^(container|benchmarks|build)/' . && \
	MYPYPATH=container:container/tests:. $(PY) -m mypy container benchmarks; code=$$?; \
	wait $$templates && exit $$code

test: $(VENV) ## run every test that needs nothing but this machine
	@$(PYTEST) -m "not image"

test-quick: AT_ONCE = 4
test-quick: $(VENV) ## run what tells in seconds of the template, the scripts and the model
	@$(PYTEST) -m "not local and not slow and not image" tests container/tests

test-local: $(VENV) ## run the tests of the local endpoint (local/)
	@$(PYTEST) local/tests

image: $(VENV) ## build both container images and test them (docker or podman)
	@$(PY) -m scripts.image build
	@$(PY) -m scripts.image test

sbom: $(VENV) ## write what the built images hold to build/sbom
	@$(PY) -m scripts.image sbom

bench: $(VENV) ## measure training and serving against other ways (three quarters of an hour)
	@$(PY) -m benchmarks.training
	@$(PY) -m benchmarks.serving
	@$(PY) -m benchmarks.soak
	@$(PY) -m benchmarks.siege
	@$(PY) -m benchmarks.generating
	@$(PY) -m benchmarks.rollouts
	@$(PY) -m benchmarks.executions
	@$(PY) -m benchmarks.growth

golden: $(VENV) ## take the templates as they are now as those to compare with
	@$(PY) generate.py --output tests/golden

docs: generate ## write the parameters' page and the workflows' pictures to docs/
	@$(PY) -m scripts.docs

lock: ## resolve the dependencies anew (needs uv)
	@command -v uv >/dev/null || { echo "Error: make lock needs uv (pip install uv)" >&2; exit 2; }
	@for name in requirements container/requirements container/requirements-serve \
	    container/requirements-test container/requirements-sbom \
	    $(basename $(wildcard benchmarks/requirements/*.in)); do \
	  UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --upgrade --universal \
	    --python-version 3.11 --generate-hashes --output-file \
	    "$$([ $$name = requirements ] && echo $$name.lock || echo $$name.txt)" $$name.in || exit; \
	done

clean: ## remove what was generated, not the data in AWS
	rm -rf build .demo .local .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

$(VENV): requirements.lock
	@"$$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Error: Python 3.11, 3.12 or 3.13 is needed, $$PYTHON is not one: pass PYTHON=<path>" >&2; \
	  exit 2; }
	@echo "Installing the locked dependencies into .venv (two to four minutes, 2 GB, once)"
	@"$$PYTHON" -m venv .venv
	@( $(PY) -m pip install --disable-pip-version-check --require-hashes \
	  --requirement requirements.lock 2>&1 || echo "FAILED" ) | awk ' \
	  /^Collecting/ { printf "\r  %d packages", ++n; fflush() } \
	  /^Installing/ { print "\n  unpacking them, about a minute"; fflush() } \
	  /^ERROR/ { print } /^FAILED/ { bad = 1 } END { exit bad }'
	@touch $@
