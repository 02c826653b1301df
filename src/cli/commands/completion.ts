/** `agent completion`: prints the completion script of a shell. */
import { Argument, Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { bashScript } from "../completion/bash.ts";
import { commandWords } from "../completion/command_words.ts";
import { fishScript } from "../completion/fish.ts";
import { zshScript } from "../completion/zsh.ts";
import { describeCommand } from "../manual/description.ts";
import type { CliContext } from "../context.ts";
import { type HelpNotes, helpNotes } from "../terminal/help_text.ts";
import { writeText } from "../terminal/write.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const SHELLS = ["bash", "zsh", "fish"] as const;

const NOTES: HelpNotes = {
  about: [
    "Completed are commands, options and their values, files, and the series, ids, tags and hosts in the repository " +
    "that the line or the environment names. For the names, agent asks the repository without a lock and for two " +
    "seconds at most. It needs the password in a file or a variable: it asks nobody and runs no password command.",
    "The script is that of this version: make it again after an update.",
  ],
  examples: [
    ["agent completion bash > /etc/bash_completion.d/agent", "for all users of bash-completion"],
    ["source <(agent completion bash)", "in ~/.bashrc"],
    ["agent completion zsh > /usr/local/share/zsh/site-functions/_agent"],
    ["agent completion fish > ~/.config/fish/completions/agent.fish"],
  ],
};

/** The command's specification. */
function specification() {
  return new Command("completion")
    .description("print the script that completes command lines of agent in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("after", helpNotes(NOTES));
}

/** The command, to be run in `context`. */
export function completionCommand(context: CliContext): CommandUnknownOpts {
  return specification().action(async (shell, _options, self) => {
    await writeText(context.stdout, SCRIPTS[shell](commandWords(describeCommand(self.parent!))).trimEnd());
  });
}
