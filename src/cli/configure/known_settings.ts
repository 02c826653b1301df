/** What an existing configuration and the options of a command line say already, for the dialogue to begin with. */
import type { Configuration, Settings, SettingValue } from "../../config/configuration.ts";
import type { TomlSetting } from "../../config/write/edit_toml.ts";
import { parseWeekDay } from "../../policy/retention/parse_retention.ts";
import { DEFAULT_ROTATION } from "../../policy/retention/retention_rotation.ts";
import type { RepositoryOptions } from "../options/repository_options.ts";
import type { PasswordAnswer, RotationAnswer } from "./answers.ts";
import { REPOSITORY_NAME } from "./configuration_file.ts";
import { absolutePath, type Home } from "./place.ts";

/** Settings of a repository that the dialogue asks for. */
const ASKED = ["url", "repository-file", "password", "password-file", "password-command"];

/** The address of the repository that is configured; empty if none is. */
export function knownAddress(configuration: Configuration | undefined): string {
  const url = mainSettings(configuration).get("url")?.value;
  return typeof url === "string" ? url : "";
}

/** How the password of the configured repository is found; undefined if that is not known, or not what is asked for. */
export function knownPassword(configuration: Configuration | undefined): PasswordAnswer | undefined {
  const settings = mainSettings(configuration);
  const [path, command] = ["password-file", "password-command"].map((key) => settings.get(key)?.value);
  if (typeof path === "string") return { kind: "file", path };
  return typeof command === "string" ? { kind: "command", command } : undefined;
}

/** What else is known of how the repository is reached, by the long names of options: the options win. */
export function furtherSettings(
  configuration: Configuration | undefined,
  { cacert, tlsClientCert, insecureTls, limitUpload, limitDownload, option }: RepositoryOptions,
  home: Home,
): Record<string, TomlSetting> {
  const known = [...mainSettings(configuration)].filter(([key]) => !ASKED.includes(key));
  return {
    ...Object.fromEntries(known.map(([key, { value }]) => [key, asToml(value)])),
    ...cacert !== undefined && { cacert: absolutePath(cacert, home) },
    ...tlsClientCert !== undefined && { "tls-client-cert": absolutePath(tlsClientCert, home) },
    ...insecureTls && { "insecure-tls": true },
    ...limitUpload !== undefined && { "limit-upload": limitUpload },
    ...limitDownload !== undefined && { "limit-download": limitDownload },
    ...option !== undefined && { option },
  };
}

/** The rotation that is configured, completed by what is usual. */
export function knownRotation(configuration: Configuration | undefined): RotationAnswer {
  const { days, weeks, months, years, firstWeekDay } = DEFAULT_ROTATION;
  const settings = configuration?.rotation ?? new Map();
  const count = (key: string, usual: number) => {
    const value = settings.get(key)?.value;
    return typeof value === "number" ? value : usual;
  };
  const day = settings.get("first-week-day")?.value;
  return {
    days: count("days", days),
    weeks: count("weeks", weeks),
    months: count("months", months),
    years: count("years", years),
    firstWeekDay: day === undefined ? firstWeekDay : parseWeekDay(String(day)),
  };
}

function mainSettings(configuration: Configuration | undefined): Settings {
  return configuration?.repositories.get(REPOSITORY_NAME)?.settings ?? new Map();
}

function asToml(value: SettingValue): TomlSetting {
  return typeof value === "object" ? value.map(String) : value;
}
