#!/bin/sh
# agent @VERSION@, self-extracting: this header, the program in JavaScript, and the gzipped Deno runtime that runs it.
# The first start unpacks runtime and program into a directory that belongs to this user; later starts only run them.
# AGENT_RUNTIME_DIR names another directory, for example if home and temporary directory are mounted noexec.
set -u

self=$0
why=

refuse() {
  echo "agent: $*" >&2
  exit 1
}

# Refuses conditions under which the runtime or one of its threads would crash. The runtime itself raises its soft limit
# of open files.
look_around() {
  [ -e /proc/self/exe ] ||
    refuse "There is no /proc here, and the runtime does not start without it: mount it (mount -t proc proc /proc)"
  files=$(ulimit -H -n 2>/dev/null) || files=
  below "$files" @LEAST_OPEN_FILES@ &&
    refuse "No more than $files files may be open here: raise the limit to @LEAST_OPEN_FILES@ or more" \
      "(ulimit -n, LimitNOFILE= of a systemd unit)"
  addresses=$(ulimit -v 2>/dev/null) || addresses=
  below "$addresses" @LEAST_ADDRESS_KB@ &&
    refuse "The address space is limited to $addresses kB here, and the runtime reserves @LEAST_ADDRESS_KB@ kB of it," \
      "most of which it never uses: take that limit away (ulimit -v unlimited, LimitAS= of a systemd unit)" \
      "and limit memory with a cgroup (MemoryMax=)"
  return 0
}

# Whether $1 is a number below $2. "unlimited", and the answer of a shell without such a limit, are not numbers.
below() {
  case $1 in
    '' | *[!0-9]*) return 1 ;;
  esac
  [ "$1" -lt "$2" ]
}

# Records closed streams. The runtime would replace them by /dev/null, and writing to them would seem to succeed.
note_closed_streams() {
  closed=
  { true 9<&0; } 2>/dev/null || {
    closed=stdin
    exec </dev/null
  }
  { true 9>&1; } 2>/dev/null || {
    closed="$closed stdout"
    exec >/dev/null
  }
  { true 9>&2; } 2>/dev/null || exec 2>/dev/null
}

# Starts the runtime once as a test, since a service may be forbidden to make memory executable. This takes 20 ms.
try_in_service() {
  [ -n "${INVOCATION_ID-}" ] || return 0
  echo 0 | "$runtime" run @PROBE_FLAGS@ - >/dev/null 2>&1 ||
    refuse "The runtime does not start in this service: it compiles JavaScript to memory that it then executes," \
      "so remove MemoryDenyWriteExecute= from the unit, or whatever else forbids that"
}

# Whether $1 is a directory that belongs to this user, or can be made. Files of other users are never executed.
own() {
  [ -d "$1" ] || mkdir -m 700 -p -- "$1" 2>/dev/null
  [ -d "$1" ] && [ -O "$1" ]
}

# Finds or unpacks everything below $1; sets $runtime, $program and $cache.
settle() {
  own "$1" && own "$1/agent-runtime" && [ ! -L "$1/agent-runtime" ] || {
    why="$why; $1 is not a directory of this user's"
    return 1
  }
  cache=$1/agent-runtime/deno-dir
  runtime=$1/agent-runtime/deno-@RUNTIME_ID@
  program=$1/agent-runtime/program-@PROGRAM_ID@
  [ -x "$runtime" ] && is_complete || unpack "$1/agent-runtime"
}

# Whether no file of the program is missing: what cleans up caches takes one file and leaves another.
is_complete() {
  for file in @NAMES@; do
    [ -f "$program/$file" ] || return 1
  done
}

# Unpacks below $1. A rename gives each complete file its name, so starts that unpack at the same time do no harm.
unpack() {
  work=$(mktemp -d "$1/unpack.XXXXXX" 2>/dev/null) || {
    why="$why; $1 is not writable"
    return 1
  }
  trap 'rm -rf -- "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  write_files "$1" && mkdir -p -- "$program" &&
    mv -f -- "$work/program/"* "$program/" && mv -f -- "$work/deno" "$runtime"
  settled=$?
  rm -rf -- "$work"
  trap - EXIT HUP INT TERM
  return $settled
}

# Writes the contents of this file into $work. $1 is the directory to name in errors.
write_files() {
  : >"$work/deno" && chmod 700 "$work/deno" && [ -x "$work/deno" ] || {
    why="$why; $1 does not allow execution"
    return 1
  }
  mkdir -- "$work/program" && write_program &&
    tail -c +@RUNTIME_POSITION@ "$self" 2>/dev/null | gzip -dc 2>/dev/null >"$work/deno" && intact || {
    why="$why; $1 is full, or $self is damaged"
    return 1
  }
  # A crash of the machine must not leave a name without its content. A sync that takes no file names is ignored.
  sync "$work/deno" "$work/program/"* 2>/dev/null || :
}

# Writes the files of the program, which follow this header. Each line has the number of blocks of one, and its name.
write_program() {
  block=@HEADER_BLOCKS@
  while read -r blocks file; do
    dd if="$self" of="$work/program/$file" bs=@BLOCK@ skip="$block" count="$blocks" 2>/dev/null || return 1
    block=$((block + blocks))
  done <<TABLE
@TABLE@
TABLE
}

# Whether the unpacked files are intact: checked by digest, or by size if there is no sha256sum.
intact() {
  if command -v sha256sum >/dev/null 2>&1; then
    [ "$(sha256sum <"$work/deno")" = "@RUNTIME_SHA256@  -" ] &&
      [ "$(program_bytes | sha256sum)" = "@PROGRAM_SHA256@  -" ]
  else
    [ "$({ cat "$work/deno" && program_bytes; } | wc -c)" -eq @UNPACKED_BYTES@ ]
  fi
}

# The files of the program one behind the other.
program_bytes() {
  (cd -- "$work/program" && cat @NAMES@)
}

# Uses only AGENT_RUNTIME_DIR if it is set, else the first usable of cache, home and temporary directory. Cache and home
# must belong to this user: under sudo they may belong to another.
settle_somewhere() {
  if [ -n "${AGENT_RUNTIME_DIR-}" ]; then
    settle "$AGENT_RUNTIME_DIR"
    return
  fi
  [ -n "${XDG_CACHE_HOME-}" ] && settle "$XDG_CACHE_HOME" && return
  [ -n "${HOME-}" ] && [ -O "$HOME" ] && settle "$HOME/.cache" && return
  temporary=${TMPDIR:-/tmp}
  private=$temporary/agent-$(id -u)
  { [ -k "$temporary" ] || [ -O "$temporary" ]; } && [ ! -L "$private" ] && settle "$private"
}

look_around
note_closed_streams
settle_somewhere ||
  refuse "Cannot unpack the runtime${why:-; no home and no safe temporary directory}:" \
    "set AGENT_RUNTIME_DIR to a directory of your own with 150 MB free that allows execution"
export AGENT_CALLER_CLOSED="$closed" AGENT_CALLER_DENO_DIR="${DENO_DIR-}" DENO_DIR="$cache" DENO_NO_UPDATE_CHECK=1
# What the caller says counts: the C library takes the last value of a name.
export AGENT_CALLER_GLIBC_TUNABLES="${GLIBC_TUNABLES-}" GLIBC_TUNABLES="@TUNABLES@${GLIBC_TUNABLES:+:$GLIBC_TUNABLES}"
try_in_service
exec "$runtime" run @FLAGS@ "$program/main.js" "$@"
