/** The completion script for fish. */
import {
  type CommandWords,
  COMPLETE,
  passedOptions,
  type SharedValue,
  sharedValues,
  valueWords,
} from "./command_words.ts";

/** A word of the script in single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
}

function optionCase({ option, commands, isEverywhere }: SharedValue): string {
  const patterns = isEverywhere
    ? option.names.map((name) => `* ${name}`)
    : commands.flatMap((command) => option.names.map((name) => `${command} ${name}`));
  return `        case ${patterns.map(quoted).join(" ")}\n            string split ' ' ${quoted(valueWords(option))}\n`;
}

/** A line for each candidate, with its description behind a tab. */
function linesOf(candidates: readonly (readonly [name: string, meaning: string])[]): string {
  return candidates.map(([name, meaning]) => `            printf '%s\\t%s\\n' ${quoted(name)} ${quoted(meaning)}\n`)
    .join("");
}

function belowCase({ command, below }: CommandWords): string {
  return `        case ${quoted(command)}\n${linesOf(below.map(({ name, summary }) => [name, summary]))}`;
}

/** Options that several commands have alike are written once. */
function optionCases(all: readonly CommandWords[]): string {
  const found = all.flatMap(({ command, options }) => options.map((option) => ({ command, option })));
  const alike = Map.groupBy(found, ({ option: { names, meaning } }) => JSON.stringify([names, meaning]));
  const byCommands = Map.groupBy(alike.values(), (same) => same.map(({ command }) => quoted(command)).join(" "));
  return [...byCommands].map(([commands, sames]) => {
    const lines = sames.flatMap(([same]) => same!.option.names.map((name) => [name, same!.option.meaning] as const));
    return `    if contains -- "$argv[1]" ${commands}\n${linesOf(lines)}    end\n`;
  }).join("");
}

function argumentCase({ command, arguments: given, isVariadic }: CommandWords): string {
  const kinds = given.map((argument) => quoted(valueWords(argument)));
  const list = isVariadic ? [...kinds, "..."] : kinds;
  return `        case ${quoted(command)}\n            printf '%s\\n' ${list.join(" ")}\n`;
}

/** The script. */
export function fishScript(all: readonly CommandWords[]): string {
  const passed = passedOptions(all).flatMap(({ names }) => names).join(" ");
  return `# Completion of agent for fish, made by "agent completion fish".

# The commands below a command, with what they do.
function __agent_below
    switch "$argv[1]"
${all.filter(({ below }) => below.length > 0).map(belowCase).join("")}    end
end

# The options of a command, with what they mean.
function __agent_options
${optionCases(all)}end

# What an option of a command takes; nothing if it takes no value.
function __agent_option
    switch "$argv[1] $argv[2]"
${sharedValues(all).map(optionCase).join("")}    end
end

# The kinds of the arguments of a command; "..." says that the last one is repeated.
function __agent_arguments
    switch "$argv[1]"
${all.filter((words) => words.arguments.length > 0).map(argumentCase).join("")}    end
end

# What a value can be: $argv[1] is the program, $argv[2] the value so far, the kind is behind them, up to -- and the
# options of the repository.
function __agent_value
    set -l program $argv[1]
    set -l word $argv[2]
    set -l at (contains -i -- -- $argv)
    set -l repository $argv[(math $at + 1)..]
    switch "$argv[3]"
        case words
            printf '%s\\n' $argv[4..(math $at - 1)]
        case files
            __fish_complete_path $word
        case directories
            __fish_complete_directories $word
        case programs
            __fish_complete_command
        case commands
            __agent_below ''
        case series backups tags hosts
            $program ${COMPLETE} $argv[3] "$word" $repository 2>/dev/null </dev/null
    end
end

function __agent_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l unquoted (string unescape -n -- "$current" 2>/dev/null; or echo -- "$current")
    set -l program $words[1]
    set -l command ''
    set -l option
    set -l repository
    set -l position 0
    for word in $words[2..]
        set word (string replace -r '^~/' "$HOME/" -- "$word")
        if set -q option[1]
            contains -- $option ${passed}; and set -a repository $option $word
            set -e option
        else if test "x$word" = x--
            if test "x$words[-1]" = x--
                __fish_complete_command
            else
                __fish_complete_path $current
            end
            return
        else if string match -q -- '-?*' "$word"
            set -l name (string split -m 1 -f 1 = -- "$word")
            if string match -q -r -- '^-[^-]' "$word"
                set name (string sub -l 2 -- "$word")
            end
            if test "x$name" = "x$word"; and __agent_option "$command" "$name" | string match -q -- "*"
                set option $word
            else if contains -- $name ${passed}
                set -a repository $word
            end
        else if __agent_below "$command" | string match -q -- "$word"\\t'*'
            set command (string trim -- "$command $word")
        else
            set position (math $position + 1)
        end
    end
    if set -q option[1]
        __agent_value $program "$unquoted" (__agent_option "$command" $option) -- $repository
    else if string match -q -- '--*=*' "$unquoted"
        set -l parts (string split -m 1 = -- "$unquoted")
        set -l kind (__agent_option "$command" $parts[1])
        for candidate in (__agent_value $program "$parts[2]" $kind -- $repository)
            printf '%s=%s\\n' $parts[1] $candidate
        end
    else if string match -q -- '-*' "$current"
        __agent_options "$command"
    else if test -n "$(__agent_below "$command")"
        __agent_below "$command"
    else
        set -l kinds (__agent_arguments "$command")
        set -l at (math $position + 1)
        if test (count $kinds) -gt 1 -a "$kinds[-1]" = ...
            set -e kinds[-1]
            test $at -gt (count $kinds); and set at (count $kinds)
        end
        if test $at -le (count $kinds)
            __agent_value $program "$unquoted" (string split ' ' -- $kinds[$at]) -- $repository
        end
    end
end

complete -c agent -e
complete -c agent -f -k -a '(__agent_complete)'
`;
}
