/** Password commands: how they are started, and what is said where no password comes. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { passwordOfCommand, plainWords } from "../../src/password/password_command.ts";

Deno.test("words that restic and a shell take apart alike are found", () => {
  const cases: readonly (readonly [command: string, words: string[] | undefined])[] = [
    ["cat /etc/agent.password", ["cat", "/etc/agent.password"]],
    [`  printf  'p\\xe4ss'\t"two words" `, ["printf", "p\\xe4ss", "two words"]],
    ["pass show db/backup@host", ["pass", "show", "db/backup@host"]],
    [`"/opt/my tools/show" 'it'`, ["/opt/my tools/show", "it"]],
    ["cat $HOME/password", undefined],
    ["cat >eaten; cat password", undefined],
    ["gpg -d x | head -n 1", undefined],
    ["KEY=x show", undefined],
    ["cat ~/password", undefined],
    ["cat pass*", undefined],
    [`echo "a$b"`, undefined],
    [`echo 'ends in \\'`, undefined],
    [`echo a'b'c`, undefined],
    [`echo ''`, undefined],
    ["echo a\\ b", undefined],
    ["echo 'open", undefined],
    ["cat a\ncat b", undefined],
    ["", undefined],
  ];
  for (const [command, words] of cases) deepEqual(plainWords(command), words, command);
});

Deno.test("the output is the password, byte for byte, without the white space around it", async () => {
  const cases: readonly (readonly [command: string, hex: string])[] = [
    [`printf 'p\\xe4ss'`, "70e47373"],
    [`printf ' \\xfc two\\n\\n'`, "fc2074776f"],
    [`printf '\\xef\\xbb\\xbfpass\\n'`, "efbbbf70617373"],
    [`printf '\\xff\\xfea\\0'`, "fffe6100"],
    ["cd / && echo in a shell; :", "696e2061207368656c6c"],
  ];
  for (const [command, hex] of cases) equal((await passwordOfCommand(command, [])).toHex(), hex, command);
});

Deno.test("a command that fails, prints nothing or cannot be started is told as that", async () => {
  const cases: readonly (readonly [command: string, message: RegExp])[] = [
    ["exit 3", /^The password command exited with 3$/],
    ["false", /^The password command exited with 1$/],
    ["true", /^The password command printed nothing: it has to print the password on standard output$/],
    ["echo", /^The password command printed nothing but white space: /],
    ["/no/such/program --at-all", /^The password command cannot be started: there is no such program$/],
    ["no-such-program-anywhere | cat; exit 127", /^The password command cannot be started: there is no such program$/],
    ["/", /^The password command cannot be started: .*[Pp]ermission denied/],
    ["kill -9 $$", /^The password command was ended by SIGKILL$/],
  ];
  for (const [command, message] of cases) {
    await rejects(passwordOfCommand(command, []), (error) => {
      return error instanceof UsageError && message.test(error.message);
    }, command);
  }
});

Deno.test("what a command did not get is told where it may be the reason", async () => {
  await rejects(passwordOfCommand("exit 3", ["AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"]), {
    message: "The password command exited with 3; it does not get AWS_PROFILE, AWS_SECRET_ACCESS_KEY unless " +
      "--pass-secrets is given",
  });
});
