/** Changes of configuration files: what is set is set, and everything else stays. */
import { equal, throws } from "node:assert/strict";
import { editToml } from "../../../src/config/write/edit_toml.ts";
import { UsageError } from "../../../src/base/errors.ts";

const CHANGE = {
  keys: { repository: "main" },
  tables: { "repositories.main": { url: "/srv/repo" }, rotation: { days: 7 } },
};

const WRITTEN = `repository = "main"

[repositories.main]
url = "/srv/repo"

[rotation]
days = 7
`;

Deno.test("into an empty file goes what is set, and setting it again changes nothing", () => {
  equal(editToml("", CHANGE), WRITTEN);
  equal(editToml(WRITTEN, CHANGE), WRITTEN);
});

Deno.test("what is there already stays, with its comments", () => {
  const before = `# by hand
profile = "nightly" # the usual one
repository = 'other' # the old disk

[rotation] # as on paper
days = 3
weeks = 1 # few
# kept below

[[hooks]]
event = "onBackup"
command = """
echo
[rotation]
"""
`;
  equal(
    editToml(before, CHANGE),
    `# by hand
profile = "nightly" # the usual one
repository = "main" # the old disk

[rotation]
days = 7 # few
# kept below

[[hooks]]
event = "onBackup"
command = """
echo
[rotation]
"""

[repositories.main]
url = "/srv/repo"
`,
  );
});

Deno.test("a key goes before the first table, and a last line without an end gets one", () => {
  equal(
    editToml("# note\n[plugins]\nenabled = []", { keys: { repository: "main" }, tables: { rotation: { days: 1 } } }),
    '# note\nrepository = "main"\n\n[plugins]\nenabled = []\n\n[rotation]\ndays = 1\n',
  );
});

Deno.test("any text can be a value", () => {
  const url = 'a "quoted" \\ path \x7f \n ü';
  const edited = editToml("", { tables: { "repositories.main": { url } } });
  equal(editToml(edited, { tables: { "repositories.main": { url } } }), edited);
});

Deno.test("where a table has another form, or the file is no TOML, nothing is changed", () => {
  const others = [
    "rotation = { days = 3 }\n",
    "rotation.days = 3\n",
    'repositories = "none"\n',
    "[rotation.more]\ndays = 3\n",
    "[[rotation]]\ndays = 3\n",
    "days = \n",
  ];
  for (const text of others) throws(() => editToml(text, CHANGE), UsageError, text);
});
