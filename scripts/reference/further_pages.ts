/** Which pages in docs/ tell more about a command or a group of options than its definition does. */

/** A page or a section of one, as a link text and its target. */
type Link = readonly [text: string, target: string];

/** By command. Most need no page of their own. */
export const FURTHER_PAGES: Readonly<Record<string, readonly Link[]>> = {
  put: [
    ["Using agent", "using.md#put"],
    ["Levels", "using.md#levels"],
    ["Guards", "guards.md"],
    ["Files and directories", "using.md#files-and-directories"],
  ],
  get: [
    ["Using agent", "using.md#get"],
    ["Restoring files and directories", "restore.md"],
    ["Tables out of dumps", "tables-of-dumps.md"],
  ],
  show: [["Using agent", "using.md#show"], ["Tables out of dumps", "tables-of-dumps.md"]],
  chain: [["Using agent", "using.md#chain"]],
  files: [["Using agent", "using.md#files"]],
  find: [["Using agent", "using.md#find"]],
  diff: [["Using agent", "using.md#diff"]],
  stats: [["What backups take", "retention.md#what-backups-take"]],
  status: [["Monitoring", "monitoring.md"]],
  verify: [["Restores on trial", "verify.md"]],
  copy: [["Using agent", "using.md#copy"], ["Copies", "repositories.md#copies"]],
  check: [["Damage", "damage.md"]],
  repair: [["Repair", "damage.md#repair"]],
  forget: [["Retention", "retention.md"]],
  rotate: [["Rotate", "retention.md#rotate"]],
  rm: [["Removing one backup", "retention.md#removing-one-backup"]],
  tag: [["Using agent", "using.md#tag"]],
  prune: [["Prune", "retention.md#prune"]],
  tables: [["Dump files of DaCHS", "tables.md#dump-files-of-dachs"]],
  serve: [["The HTTP store", "server.md"]],
  gateway: [["The gateway", "gateway.md"]],
  config: [["Configuration", "configuration.md"]],
  "config import": [["Coming from bakthat", "configuration.md#coming-from-bakthat"]],
  configure: [["Configuring by questions", "configure.md"]],
  cache: [["Cache", "repositories.md#cache"]],
  plugins: [["Plugins", "plugins.md"]],
  completion: [["Manual and completion", "install.md#manual-and-completion"]],
  man: [["Manual and completion", "install.md#manual-and-completion"]],
};

/** By group of options. */
export const FURTHER_PAGES_OF_GROUPS: Readonly<Record<string, readonly Link[]>> = {
  Repository: [
    ["Addresses", "repositories.md#addresses"],
    ["Passwords", "repositories.md#passwords"],
    ["Cache", "repositories.md#cache"],
  ],
  "Repositories on other machines": [["Stores on other machines", "repositories.md#stores-on-other-machines"]],
  "Repository to copy from": [["A second repository", "repositories.md#a-second-repository"]],
  "Second repository": [["One stream, two repositories", "repositories.md#one-stream-two-repositories"]],
};
