/** The dialogue of `agent configure`: what is asked, what is asked again, and when anything is made or written. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { InterruptedError, StoreError, UsageError, WrongPasswordError } from "../../../src/base/errors.ts";
import type { RepositoryAnswer } from "../../../src/cli/configure/answers.ts";
import { configure, configureRotation, type WholeDialogue } from "../../../src/cli/configure/dialogue.ts";
import { parseConfiguration } from "../../../src/config/parse/parse_configuration.ts";
import { ENTER, LEAVE, type Reply, ScriptedPrompter } from "./scripted_prompter.ts";

const PATH = "/home/dba/.config/agent/agent.toml";
const WHERE = /^Where is the repository/;
const PASSWORD = /password (come|to come) from/;
const NEW_FILE = "A new file, with a strong password that is made";
const FILE = "A file that holds it";
const COMMAND = "A command that prints it";
const BACK = "Name another repository";

const ROTATION: readonly Reply[] = [
  [/many days/, ENTER],
  [/many weeks/, "5"],
  [/many months/, ENTER],
  [/weeks begin/, "Monday"],
];
const NEW: readonly Reply[] = [
  [WHERE, "~/repo"],
  [PASSWORD, NEW_FILE],
  [/^Which file is the password to be written to/, ENTER],
];
const BACKUP: readonly Reply[] = [[/backed up first/, "/etc"], [/^Under which name/, ENTER]];
const YES: Reply = [/write this file/i, true];

const WRITTEN = `repository = "main"

[repositories.main]
url = "/home/dba/repo"
password-file = "/home/dba/.config/agent/password"

[rotation]
days = 7
weeks = 5
months = 6
first-week-day = 0
`;

/** What a test changes. */
interface Scene {
  readonly replies: readonly Reply[];
  readonly text?: string;
  readonly parts?: Partial<WholeDialogue>;
}

/** A dialogue in which every repository is missing, every password right and every path there; and what came of it. */
function scene({ replies, text, parts = {} }: Scene) {
  const prompter = new ScriptedPrompter(replies);
  const made: RepositoryAnswer[] = [];
  const written: string[] = [];
  const dialogue: WholeDialogue = {
    prompter,
    file: {
      path: PATH,
      text,
      write(text) {
        written.push(text);
        return Promise.resolve(dialogue.file.text === undefined ? undefined : `${PATH}.1`);
      },
    },
    check: (text) => void parseConfiguration(text, PATH),
    overriding: [],
    rotation: { days: 7, weeks: 6, months: 6, firstWeekDay: 5 },
    trial: { find: () => Promise.resolve(false), check: () => Promise.resolve() },
    make(answer) {
      made.push(answer);
      return Promise.resolve(answer.url);
    },
    findPath: () => Promise.resolve(),
    ground: { directory: "/srv", home: "/home/dba", folder: "/home/dba/.config/agent" },
    url: "",
    settings: {},
    ...parts,
  };
  return { prompter, dialogue, made, written };
}

Deno.test("a repository that is not there is made at the end, then the file is written, and a backup is named", async () => {
  const { prompter, dialogue, made, written } = scene({ replies: [...NEW, ...ROTATION, ...BACKUP, YES] });
  const { repository, firstBackup } = await configure(dialogue);
  const expected = {
    url: "/home/dba/repo",
    exists: false,
    password: { kind: "new-file", path: "/home/dba/.config/agent/password" },
  } as const;
  deepEqual(repository, expected);
  deepEqual(made, [expected]);
  deepEqual(written, [WRITTEN]);
  deepEqual(firstBackup, { series: "etc", path: "/etc" });
  deepEqual(prompter.left, []);
  ok(prompter.shown.some((text) => text.includes("without it the backups are lost")));
  equal(prompter.shown.at(-1), `Wrote ${PATH}`);
});

Deno.test("whoever leaves at any question has made and written nothing, and so has whoever says no", async () => {
  const replies = [...NEW, ...ROTATION, ...BACKUP, YES];
  for (let at = 0; at < replies.length; at++) {
    const [question] = replies[at]!;
    const { dialogue, made, written } = scene({ replies: [...replies.slice(0, at), [question, LEAVE]] });
    await rejects(configure(dialogue), InterruptedError);
    deepEqual([made, written], [[], []]);
  }
  const { dialogue, made, written } = scene({ replies: [...replies.slice(0, -1), [YES[0], false]] });
  await rejects(configure(dialogue), { name: "InterruptedError", message: "Nothing was written" });
  deepEqual([made, written], [[], []]);
});

Deno.test("an address that cannot be reached, or kept in the file, is asked for again, and begins with what was typed", async () => {
  const { prompter, dialogue, written } = scene({
    replies: [
      [WHERE, ""],
      [WHERE, "rest:https://shop:secret@backup.example/"],
      [WHERE, "rest:https://backup.example/"],
      [WHERE, ENTER],
      [PASSWORD, COMMAND],
      [/^Which command/, "pass show backup"],
      ...ROTATION,
      [/backed up first/, ""],
      YES,
    ],
    parts: {
      trial: {
        find: (() => {
          let calls = 0;
          return () =>
            calls++ === 0 ? Promise.reject(new StoreError("Cannot reach it: it is down")) : Promise.resolve(true);
        })(),
        check: () => Promise.resolve(),
      },
    },
  });
  const { firstBackup } = await configure(dialogue);
  equal(firstBackup, undefined);
  equal(prompter.complaints.length, 3);
  equal(prompter.complaints[0], "Name a path or a URL");
  match(prompter.complaints[1]!, /a password is never written into this file/);
  ok(!prompter.complaints.join().includes("secret"));
  equal(prompter.complaints[2], "Cannot reach it: it is down");
  match(written[0]!, /url = "rest:https:\/\/backup.example\/"\npassword-command = "pass show backup"\n/);
});

Deno.test("a password that does not open is asked for again, or another repository is named", async () => {
  const tried: RepositoryAnswer[] = [];
  const { prompter, dialogue, made } = scene({
    replies: [
      [WHERE, "/old"],
      [PASSWORD, FILE],
      [/^Which file holds/, "wrong"],
      [PASSWORD, BACK],
      [WHERE, "/other"],
      [PASSWORD, FILE],
      [/^Which file holds/, "~/right"],
      ...ROTATION,
      ...BACKUP,
      YES,
    ],
    parts: {
      trial: {
        find: () => Promise.resolve(true),
        check(answer) {
          tried.push(answer);
          const isRight = answer.password.kind === "file" && answer.password.path.endsWith("right");
          return isRight ? Promise.resolve() : Promise.reject(new WrongPasswordError("Wrong password"));
        },
      },
    },
  });
  const { repository } = await configure(dialogue);
  deepEqual(prompter.complaints, ["Wrong password"]);
  deepEqual(tried.map(({ url, password }) => [url, "path" in password && password.path]), [
    ["/old", "/srv/wrong"],
    ["/other", "/home/dba/right"],
  ]);
  equal(repository.url, "/other");
  deepEqual(made, [], "what is there is not made");
});

Deno.test("a repository that cannot be made is asked for again, and the other answers are kept", async () => {
  let calls = 0;
  const { prompter, dialogue, written } = scene({
    replies: [
      ...NEW,
      ...ROTATION,
      ...BACKUP,
      YES,
      [WHERE, "/srv/other"],
      [PASSWORD, NEW_FILE],
      [/^Which file is/, ENTER],
      YES,
    ],
    parts: {
      make({ url }) {
        return calls++ === 0 ? Promise.reject(new StoreError("Cannot create it: no space")) : Promise.resolve(url);
      },
    },
  });
  const { firstBackup } = await configure(dialogue);
  deepEqual(prompter.complaints, ["Cannot create it: no space"]);
  deepEqual(firstBackup, { series: "etc", path: "/etc" });
  deepEqual(written, [WRITTEN.replace("/home/dba/repo", "/srv/other")]);
});

Deno.test("what is wrong in the other answers is said, and they are asked for again", async () => {
  const { prompter, dialogue, written } = scene({
    replies: [
      ...NEW,
      [/many days/, "seven"],
      [/many days/, "unlimited"],
      [/many days/, "0"],
      ...ROTATION.slice(1),
      [/backed up first/, "gone"],
      [/backed up first/, "/"],
      [/^Under which name/, ENTER],
      [/^Under which name/, "a//b"],
      [/^Under which name/, "all"],
      YES,
    ],
    parts: {
      findPath: (path) =>
        path === "/srv/gone" ? Promise.reject(new UsageError(`There is nothing at "${path}"`)) : Promise.resolve(),
    },
  });
  deepEqual((await configure(dialogue)).firstBackup, { series: "all", path: "/" });
  equal(prompter.complaints.length, 5);
  match(prompter.complaints[0]!, /^Not a number of days to keep: "seven"/);
  match(prompter.complaints[1]!, /whole number/);
  equal(prompter.complaints[2], 'There is nothing at "/srv/gone"');
  match(prompter.complaints[4]!, /Not a series name: "a\/\/b"/);
  match(written[0]!, /^days = 0$/m);
});

Deno.test("a file that is there is shown, begins the answers, and keeps everything else that it says", async () => {
  const text = `# of the shop
[[hooks]]
event = "onBackup"
command = "true"
`;
  const { prompter, dialogue, written } = scene({
    text,
    replies: [[WHERE, ENTER], [PASSWORD, COMMAND], [/^Which command/, "cat key"], ...ROTATION, ...BACKUP, YES],
    parts: { url: "/known", settings: { option: ["s3.region=eu-west-1"] } },
  });
  await configure(dialogue);
  ok(prompter.shown.includes(`${PATH}:\n${text.trimEnd()}`));
  ok(prompter.shown.includes(`What was there is in ${PATH}.1`));
  equal(written.length, 1);
  ok(written[0]!.startsWith(`# of the shop\nrepository = "main"\n\n[[hooks]]\n`), written[0]);
  match(
    written[0]!,
    /\[repositories.main\]\nurl = "\/known"\npassword-command = "cat key"\noption = \["s3.region=eu-west-1"\]\n/,
  );
});

Deno.test("the rotation alone is asked for and written", async () => {
  const text = 'repository = "/srv/repo" # the disk\n[rotation]\ndays = 1\n';
  const { dialogue, written } = scene({ text, replies: [...ROTATION, YES] });
  await configureRotation(dialogue);
  deepEqual(written, [
    'repository = "/srv/repo" # the disk\n[rotation]\ndays = 7\nweeks = 5\nmonths = 6\nfirst-week-day = 0\n',
  ]);
});

Deno.test("a file with mistakes is not touched", async () => {
  const { dialogue, written } = scene({ text: "rotations = 1\n", replies: [] });
  await rejects(configureRotation(dialogue), { name: "ConfigurationError" });
  deepEqual(written, []);
});

Deno.test("a rotation that keeps nothing is asked for again, unless the file keeps years", async () => {
  const zeros: Reply[] = [[/many days/, "0"], [/many weeks/, "0"], [/many months/, "0"]];
  const replies: Reply[] = [...zeros, [/many months/, "1"], [/weeks begin/, ENTER], YES];
  const { dialogue, prompter, written } = scene({ replies });
  await configureRotation(dialogue);
  match(prompter.complaints[0]!, /keep nothing/);
  match(written[0]!, /days = 0\nweeks = 0\nmonths = 1\n/);
  const years = scene({
    replies: [...zeros, [/weeks begin/, ENTER], YES],
    parts: { rotation: { days: 1, weeks: 1, months: 1, years: 2, firstWeekDay: 5 } },
  });
  await configureRotation(years.dialogue);
  match(years.written[0]!, /months = 0\n/);
});

Deno.test("the file and the command of a known password begin the answers", async () => {
  const ground = { directory: "/srv", home: "/home/dba", folder: "/home/dba/.config/agent" };
  const file = scene({
    replies: [[WHERE, "/r"], [PASSWORD, ENTER], [/^Which file holds/, ENTER], ...ROTATION, ...BACKUP, YES],
    parts: { ground: { ...ground, password: { kind: "file", path: "/known" } } },
  });
  await configure(file.dialogue);
  match(file.written[0]!, /^password-file = "\/known"$/m);
  const command = scene({
    replies: [[WHERE, "/r"], [PASSWORD, ENTER], [/^Which command/, ENTER], ...ROTATION, ...BACKUP, YES],
    parts: { ground: { ...ground, password: { kind: "command", command: "pass show it" } } },
  });
  await configure(command.dialogue);
  match(command.written[0]!, /^password-command = "pass show it"$/m);
});
