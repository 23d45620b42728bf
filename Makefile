# One environment (.venv) for running, testing and checking; it is rebuilt only when the lock or pyproject.toml changes.
PYTHON ?= $(shell for candidate in python3.11 python3.12 python3.13 python3.14 python3 python; do \
            $$candidate -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$candidate && break; done)
UV     ?= uv
BIN    := .venv/bin
STAMP  := .venv/.up-to-date
LOCK   := $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
          --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help run test fuzz check lint audit mutants crash lin model faults pooled clients chromium browser listeners bench openapi docs lock clean

help: ## 列出命令 list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "需要 Python 3.11 或更新版本 Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || echo "首次准备环境，约一分钟 preparing .venv, about a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## 启动（内置数据库、演示数据）serve with embedded PostgreSQL and demo data; PORT, RECTIFY_VAR, DATABASE_URL
	@exec $(BIN)/rectify serve --demo

test: $(STAMP) ## 运行测试 run every test on a real PostgreSQL
	RECTIFY_TEST_BUDGET=$(or $(BUDGET),360) $(BIN)/python -m pytest -n auto $(TESTS)

fuzz: $(STAMP) ## 全量模糊测试 fuzz with more than 100,000 requests; RECTIFY_TEST_SEED=… replays a run
	RECTIFY_TEST_FUZZ=full $(BIN)/python -m pytest -n auto -rP tests/fuzz

lint: $(STAMP) ## 静态检查 ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(STAMP) ## 已知漏洞核查 known vulnerabilities of the locked packages (needs the package index)
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip --require-hashes

check: lint ## CI 所运行的全部检查 everything CI runs: lint, then test
	@$(MAKE) --no-print-directory test

# The long runs; `make test` has a small one of each. SEED=… repeats one, and every run prints its own.
LONG := $(BIN)/python -m pytest -q -s
SEEDED = $(if $(SEED),RECTIFY_TEST_SEED=$(SEED))

crash: $(STAMP) ## 崩溃试验 kill everything CYCLES=25 times; nothing acknowledged is lost
	$(SEEDED) RECTIFY_TEST_CRASH_CYCLES=$(or $(CYCLES),25) $(LONG) tests/crash

lin: $(STAMP) ## 线性一致性 OPS=20000 operations a level, calm and with faults, and every meeting of two requests
	$(SEEDED) RECTIFY_TEST_LIN_OPS=$(or $(OPS),20000) RECTIFY_TEST_STEPS=0 $(LONG) tests/lin

model: $(STAMP) ## 参照模型 STEPS=10000 calls, each answer predicted by a model
	$(SEEDED) RECTIFY_TEST_MODEL_STEPS=$(or $(STEPS),10000) $(LONG) tests/model

faults: $(STAMP) ## 故障演练 outages, full disks, slow clients, rolling restarts, pgbouncer
	RECTIFY_TEST_FAULTS=full $(LONG) tests/faults

pooled: $(STAMP) ## 经由 pgbouncer 的全部测试 every test with each service behind pgbouncer in transaction mode
	RECTIFY_TEST_POOLED=1 $(BIN)/python -m pytest -n auto $(TESTS)

clients: $(STAMP) ## 生成并试用客户端 lint the API description; generate, compile and use clients
	$(BIN)/python -m clients $(CLIENTS)

ANEW = $(or $(SEED),$(shell date +%s))
mutants: $(STAMP) ## 篡改与诚实历史 10,000 forgeries and 100 honest lives for `rectify audit` (MUTANTS, HONEST, SEED)
	RECTIFY_TEST_MUTANTS=$(or $(MUTANTS),10000) RECTIFY_TEST_HONEST=$(or $(HONEST),100) \
	RECTIFY_TEST_MUTANTS_SEED=$(ANEW) RECTIFY_TEST_HONEST_SEED=$(ANEW) \
	$(BIN)/python -m pytest -n auto -rP --show-capture=stdout tests/trail/mutants tests/trail/test_honest.py

# The pages are tested in Debian's Chromium; where it cannot be installed, those tests are skipped and say so.
chromium:
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	  { echo "安装 Chromium installing Chromium for the tests of the pages"; \
	    apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; } || \
	  echo "装不上，页面测试将跳过 it cannot be installed: the tests of the pages are skipped"

browser: $(STAMP) chromium ## 在浏览器里试看板 install Chromium where it is missing, test the pages (Debian, root)
	$(BIN)/python -m pytest tests/browser

listeners: $(STAMP) ## 一千个听者 a thousand idle listeners to the event stream
	$(BIN)/python -m bench.listeners

bench: $(STAMP) ## 性能比值 measure speed as ratios (bench/README.md)
	$(BIN)/python -m bench
	$(BIN)/python -m bench --figures

openapi: $(STAMP) ## 生成 openapi/openapi.json write the committed API description
	$(BIN)/rectify openapi

docs: $(STAMP) ## 生成 lifecycle、problems、permissions 文档 write the generated documents
	$(BIN)/python -m docs.generate

lock: ## 更新依赖锁 resolve the locks again (needs uv)
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) pyproject.toml --group dev --output-file requirements-dev.lock
	$(LOCK) --group clients-python --output-file clients/python/requirements.lock
	$(LOCK) --group clients-java --output-file clients/java/requirements.lock
	cd clients && npm install --package-lock-only

clean: ## 删除环境与缓存 remove the environment and caches, never data
	rm -rf clients/build clients/node_modules .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
