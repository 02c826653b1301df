/** The example that `agent config example` prints. */

/** A file in which everything is explained, and nothing is set: each setting is a comment that may be made one. */
export const EXAMPLE = `# agent.toml: the settings of this machine for agent.
#
# It is looked for at --config FILE, AGENT_CONFIG, ~/.config/agent/agent.toml and /etc/agent/agent.toml; the first one
# that is there counts. It must belong to root or to you, in folders that nobody else may write to.
# "agent config check" finds mistakes, "agent config show --explain put" tells which value counts and why.
# An option of the command line wins over a variable, that over the table of the repository that is used, that over
# the profile, and that over defaults.

version = 1

# The repository that is used if neither an option nor a variable names one: a name of one below, or an address.
# repository = "main"

# The profile that is used if none is named.
# profile = "nightly"

# A repository with a name: "agent -r main ls", "agent copy --from main", "agent put x --also main".
# [repositories.main]
# url = "/backup/repo"
# Where its password is: a file, a command, or a variable; never the password itself.
# password-file = "/etc/agent/main.password"

# [repositories.away]
# url = "s3:https://s3.example/backups/shop"
# password = "command:pass show backup"
# option = ["s3.region=eu-central-1"]
# s3-access-key-id = "AKEXAMPLE"
# s3-secret-access-key = "file:/etc/agent/away.key"
# limit-upload = "20M"
# retry-lock = "5m"

# [repositories.server]
# url = "rest:https://backup.example:8000/shop/"
# password = "env:SHOP_PASSWORD"
# rest-username = "shop"
# rest-password = "file:/etc/agent/server.password"

# Options by their long names, for every command that has them, ...
# [defaults]
# retry-lock = "5m"
# cacert = "/etc/agent/authority.pem"

# ... and for one command. Flags are true or false; what may be repeated is a list.
# [defaults.put]
# compression = "better"
# tag = ["prod"]
# exclude-caches = true

# [defaults.forget]
# keep-daily = 14

# What "agent rotate" keeps; these are the values without this table.
# [rotation]
# days = 7
# weeks = 6
# months = 6
# years = 0
# first-week-day = "saturday"

# A profile: "agent --profile nightly put ..." or AGENT_PROFILE. Its options stand in it.
# [profiles.nightly]
# repository = "away"
# limit-upload = "2M"

# [profiles.nightly.put]
# run-type = "daily"
# also = "main"

# [profiles.nightly.rotation]
# days = 30

# Plugins: modules in this directory, which has to be as safe as this file.
# [plugins]
# dir = "/etc/agent/plugins"
# enabled = ["timer"]

# The settings of a plugin are its own matter.
# [plugins.timer]
# unit = "seconds"

# What is done at an event: a command gets it as JSON on standard input, an address by POST. One that fails before an
# action prevents it.
# [[hooks]]
# event = "onBackup"
# command = "logger -t agent"
# timeout = "30s"

# [[hooks]]
# name = "tell the operators"
# event = ["onError", "beforeDelete"]
# url = "https://hooks.example/agent"
`;
