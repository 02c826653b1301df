/** The completion script for bash. It needs no other package. */
import {
  type CommandWords,
  COMPLETE,
  passedOptions,
  type SharedValue,
  sharedValues,
  valueWords,
} from "./command_words.ts";

function optionPattern({ option, commands, isEverywhere }: SharedValue): string {
  return isEverywhere
    ? option.names.map((name) => `*" ${name}"`).join(" | ")
    : commands.flatMap((command) => option.names.map((name) => `"${command} ${name}"`)).join(" | ");
}

function optionCases(all: readonly CommandWords[]): string {
  return sharedValues(all).map((value) => `    ${optionPattern(value)}) kind="${valueWords(value.option)}" ;;\n`).join(
    "",
  );
}

function commandCase({ command, below, options, arguments: given, isVariadic }: CommandWords): string {
  const names = options.flatMap((option) => option.names.filter((name) => name.startsWith("--")));
  return `    "${command}")
      below="${below.map(({ name }) => name).join(" ")}"
      options="${names.join(" ")}"
      arguments=(${given.map((argument) => `"${valueWords(argument)}"`).join(" ")})
      variadic=${isVariadic ? "yes" : ""}
      ;;
`;
}

/** The script. */
export function bashScript(all: readonly CommandWords[]): string {
  const passed = passedOptions(all).flatMap(({ names }) => names);
  return `# Completion of agent for bash, made by "agent completion bash".

# Takes the line up to the cursor apart into words without quotes; the last one is the word at the cursor. quote is the
# quote that is open there. readline replaces that word only from its last break on, such as an @: cut is how much of
# it stays. redirected says that the word is the file of a redirection.
_agent_split() {
  local line=\${COMP_LINE:0:COMP_POINT} char next word="" begun="" i
  words=() quote="" cut=0 redirected=""
  for ((i = 0; i < \${#line}; i++)); do
    char=\${line:i:1}
    if [[ $quote == "'" && $char != "'" ]]; then
      word+=$char
    elif [[ -n $quote && $char == "$quote" ]]; then
      quote=""
      cut=\${#word}
    elif [[ $char == "\\\\" ]]; then
      i=$((i + 1))
      next=\${line:i:1}
      [[ -z $quote || $next == [\\"\\\\\\$\\\`] ]] || word+=$char
      word+=$next
      begun=yes
    elif [[ -n $quote ]]; then
      word+=$char
    elif [[ $char == [\\"\\'] ]]; then
      quote=$char
      begun=yes
      cut=\${#word}
    elif [[ $char == [[:space:]] ]]; then
      if [[ -n $begun && -z $redirected ]]; then words+=("$word"); fi
      [[ -z $begun ]] || redirected=""
      word="" begun="" cut=0
    elif [[ $char == [\\<\\>] ]]; then
      redirected=yes
      word="" begun="" cut=0
    else
      word+=$char
      begun=yes
      if [[ $char == @ ]] && shopt -q hostcomplete; then
        cut=$((\${#word} - 1)) # readline leaves it in the word, so that a name of a host could be completed
      elif [[ $COMP_WORDBREAKS == *"$char"* ]]; then
        cut=\${#word}
      fi
    fi
  done
  words+=("$word")
}

# What may follow a command: sets below, options, arguments and variadic.
_agent_command() {
  below="" options="" arguments=() variadic=""
  case $1 in
${all.map(commandCase).join("")}  esac
}

# What an option of a command takes: sets kind, which is empty if it takes no value.
_agent_option() {
  kind=""
  case "$1 $2" in
${optionCases(all)}  esac
}

# Offers those of the lines on standard input that begin with the word, all of them behind what stands before it.
_agent_offer() {
  local before=$1 word=$2 candidate
  while IFS= read -r candidate; do
    [[ -n $candidate && $candidate == "$word"* ]] || continue
    candidate=$before$candidate
    candidate=\${candidate:cut}
    case $quote in
      "") printf -v candidate %q "$candidate" ;;
      '"')
        candidate=\${candidate//\\\\/\\\\\\\\}
        candidate=\${candidate//\\"/\\\\\\"}
        candidate=\${candidate//\\$/\\\\\\$}
        candidate=\${candidate//\\\`/\\\\\\\`}
        ;;
      *) candidate=\${candidate//\\'/\\'\\\\\\'\\'} ;;
    esac
    COMPREPLY+=("$candidate")
  done
}

# Offers paths, which readline quotes itself.
_agent_paths() {
  local action=$1 before=$2 word=$3 path
  compopt -o filenames 2>/dev/null
  while IFS= read -r path; do
    path=$before$path
    COMPREPLY+=("\${path:cut}")
  done < <(compgen "$action" -- "$word")
}

# Offers what a kind of value can be.
_agent_value() {
  local kind=$1 before=$2 word=$3
  case $kind in
    "words "*) _agent_offer "$before" "$word" < <(printf "%s\\n" \${kind#words }) ;;
    files) _agent_paths -f "$before" "$word" ;;
    directories) _agent_paths -d "$before" "$word" ;;
    programs) _agent_offer "$before" "$word" < <(compgen -c -- "$word" | sort -u) ;;
    commands) _agent_offer "$before" "$word" < <(_agent_command "" && printf "%s\\n" $below) ;;
    series | backups | tags | hosts)
      compopt -o nosort 2>/dev/null
      _agent_offer "$before" "$word" < <(
        "\${words[0]}" ${COMPLETE} "$kind" "$word" "\${repository[@]}" 2>/dev/null </dev/null | cut -f 1
      )
      ;;
  esac
}

# Completes what follows --: a command with its arguments.
_agent_other() {
  local word=$1 position=$2
  if ((position == 0)); then
    _agent_offer "" "$word" < <(compgen -c -- "$word" | sort -u)
  else
    _agent_paths -f "" "$word"
  fi
}

_agent() {
  local -a words repository=() arguments
  local quote cut redirected below options variadic kind
  local command="" option="" position=0 i word current name
  COMPREPLY=()
  _agent_split
  while [[ \${words[0]} == [a-zA-Z_]*=* && \${#words[@]} -gt 1 ]]; do words=("\${words[@]:1}"); done
  for i in "\${!words[@]}"; do
    if ((i < \${#words[@]} - 1)) && [[ \${words[i]} == "~/"* ]]; then words[i]=$HOME\${words[i]:1}; fi
  done
  current=\${words[\${#words[@]} - 1]}
  if [[ -n $redirected ]]; then
    _agent_paths -f "" "$current"
    return
  fi
  _agent_command ""
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    word=\${words[i]}
    if [[ -n $option ]]; then
      [[ " ${passed.join(" ")} " != *" $option "* ]] || repository+=("$option" "$word")
      option=""
    elif [[ $word == -- ]]; then
      _agent_other "$current" $((\${#words[@]} - i - 2))
      return
    elif [[ $word == -?* ]]; then
      name=\${word%%=*}
      [[ $word == --* ]] || name=\${word:0:2}
      _agent_option "$command" "$name"
      if [[ -n $kind && $name == "$word" ]]; then
        option=$word
      elif [[ " ${passed.join(" ")} " == *" $name "* ]]; then
        repository+=("$word")
      fi
    elif [[ " $below " == *" $word "* ]]; then
      command=\${command:+$command }$word
      _agent_command "$command"
    else
      position=$((position + 1))
    fi
  done
  if [[ -n $option ]]; then
    _agent_option "$command" "$option"
    _agent_value "$kind" "" "$current"
  elif [[ $current == --*=* ]]; then
    _agent_option "$command" "\${current%%=*}"
    _agent_value "$kind" "\${current%%=*}=" "\${current#*=}"
  elif [[ $current == -* ]]; then
    _agent_offer "" "$current" < <(printf "%s\\n" $options)
  elif [[ -n $below ]]; then
    _agent_offer "" "$current" < <(printf "%s\\n" $below)
  else
    [[ -z $variadic ]] || ((position < \${#arguments[@]})) || position=$((\${#arguments[@]} - 1))
    _agent_value "\${arguments[position]:-}" "" "$current"
  fi
}

complete -F _agent agent
`;
}
