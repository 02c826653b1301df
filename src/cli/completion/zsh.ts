/** The completion script for zsh, which describes the commands to its function `_arguments`. */
import { type CommandWords, COMPLETE, type OptionWords, passedOptions } from "./command_words.ts";
import type { ValueKind } from "../manual/value_kind.ts";

/** What completes each kind of value. */
const ACTIONS: Readonly<Record<ValueKind, string>> = {
  series: "{_agent_names series}",
  backups: "{_agent_names backups}",
  tags: "{_agent_names tags}",
  hosts: "{_agent_names hosts}",
  files: "_files",
  directories: "_files -/",
  programs: "_command_names -e",
  commands: "_agent_commands_",
  unknown: " ",
};

/** A word of the script in single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Text that `_arguments` or `_describe` shows and does not interpret. */
function shown(text: string): string {
  return text.replaceAll(/[\\:[\]]/g, (character) => `\\${character}`);
}

function actionOf({ kind, choices }: { readonly kind: ValueKind; readonly choices: readonly string[] }): string {
  return choices.length > 0 ? `(${choices.join(" ")})` : ACTIONS[kind];
}

/** The specifications of an option, one for each of its names. */
function optionSpecs({ names, value, meaning, choices, kind, isRepeatable }: OptionWords): string[] {
  const before = isRepeatable ? "*" : `(${names.join(" ")})`;
  const takes = kind === undefined ? "" : `:${shown(value!.toLowerCase())}:${actionOf({ kind, choices })}`;
  return names.map((name) => {
    const form = kind === undefined ? name : name.startsWith("--") ? `${name}=` : `${name}+`;
    return quoted(`${before}${form}[${shown(meaning)}]${takes}`);
  });
}

function argumentSpecs({ arguments: given, isVariadic }: CommandWords): string[] {
  return given.map((argument, index) => {
    const position = isVariadic && index === given.length - 1 ? "*" : String(index + 1);
    return quoted(`${position}:${argument.name}:${actionOf(argument)}`);
  });
}

/** The name of the function that completes a command. */
function functionOf(command: string): string {
  return `_agent_command_${command.replaceAll(/[ -]/g, "_")}`;
}

/** The function for a command that holds others. Behind its name, words and CURRENT are those of the command below. */
function holderFunction({ command, below, options }: CommandWords): string {
  const list = `_agent_commands_${command.replaceAll(/[ -]/g, "_")}`;
  const cases = below.map(({ name }) => `        ${name}) ${functionOf(`${command} ${name}`.trim())} ;;\n`).join("");
  return `${list}() {
  local -a commands=(
${below.map(({ name, summary }) => `    ${quoted(`${shown(name)}:${shown(summary)}`)}\n`).join("")}  )
  _describe -t commands command commands "$@"
}

${functionOf(command)}() {
  local context state state_descr line
  local -A opt_args
  _arguments -s -C : \\
${options.flatMap(optionSpecs).map((spec) => `    ${spec} \\\n`).join("")}    '1:command:${list}' \\
    '*::argument:->below'
  if [[ $state == below ]]; then
    case $words[1] in
${cases}    esac
  fi
}
`;
}

function leafFunction(words: CommandWords): string {
  const specs = [...words.options.flatMap(optionSpecs), ...argumentSpecs(words)];
  return `${functionOf(words.command)}() {
  _arguments -s -S : \\
${specs.map((spec) => `    ${spec}`).join(" \\\n")}
}
`;
}

/** The script. */
export function zshScript(all: readonly CommandWords[]): string {
  const passed = passedOptions(all);
  const names = (chosen: readonly OptionWords[]) => chosen.flatMap((option) => option.names).join(" ");
  return `#compdef agent
# Completion of agent for zsh, made by "agent completion zsh".

# Offers names in the repository that the command line means. Arguments behind the kind are those of compadd.
_agent_names() {
  local kind=$1 line
  local -a values descriptions
  shift
  for line in "\${(@f)$("$agent_program" ${COMPLETE} $kind "\${(Q)PREFIX}" "\${agent_repository[@]}" 2>/dev/null </dev/null)}"; do
    [[ -n $line ]] || continue
    values+=("\${line%%$'\\t'*}")
    descriptions+=("\${line//$'\\t'/  }")
  done
  compadd "$@" -V agent-$kind -l -d descriptions -a values
}

# Reads from the line which repository is meant. The words behind -- are another command, which is completed as such.
_agent() {
  local agent_program=\${(Q)words[1]} word option
  local -a agent_repository
  local -i position
  agent_program=\${agent_program/#\\~\\//$HOME/}
  for ((position = 2; position < CURRENT; position++)); do
    word=\${(Q)words[position]}
    word=\${word/#\\~\\//$HOME/}
    if [[ -n $option ]]; then
      agent_repository+=("$option" "$word")
      option=
    elif [[ $word == -- ]]; then
      words=("\${(@)words[position+1,-1]}")
      ((CURRENT -= position))
      _normal
      return
    elif [[ " ${names(passed.filter(({ kind }) => kind !== undefined))} " == *" $word "* ]]; then
      option=$word
    elif [[ $word == -* && " ${names(passed)} " == *" \${word%%=*} "* ]]; then
      agent_repository+=("$word")
    fi
  done
  ${functionOf("")}
}

${all.map((words) => words.below.length > 0 ? holderFunction(words) : leafFunction(words)).join("\n")}
if [[ $funcstack[1] == _agent ]]; then
  _agent "$@"
else
  compdef _agent agent
fi
`;
}
