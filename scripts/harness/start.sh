# Sourced by the scripts beside this folder: makes sure that cargo works, then runs the harness.
# The caller sets `command` to the harness's command. The working folder stays the caller's, so that relative paths in
# options mean what they say.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1

if ! command -v cargo >/dev/null 2>&1 && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH="$HOME/.cargo/bin:$PATH"
fi
if ! cargo --version >/dev/null 2>&1; then
    echo "scripts/$command: cargo is missing; please install stable Rust 1.95 or later with rustup (https://rustup.rs)" >&2
    exit 1
fi
if ! command -v cc >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "scripts/$command: installing packages: gcc libc6-dev" >&2
        said=$({ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc \
            libc6-dev; } 2>&1) || { echo "$said" >&2; exit 1; }
    else
        echo "scripts/$command: cc is missing; please run, as root: apt-get install gcc libc6-dev" >&2
        exit 1
    fi
fi
if [ ! -x "${CARGO_TARGET_DIR:-$root/target}/debug/harness" ]; then
    echo "scripts/$command: building the harness" >&2
fi
exec cargo run --quiet --manifest-path "$root/Cargo.toml" --package harness --bin harness -- "$command" "$@"
