/** Which environment variables stand for which options: one that is set wins over the configuration file. */
import type { CliContext } from "../context.ts";

/** Options that give the same thing in several ways, and the variables that give it, too. */
interface Alternatives {
  /** Long names without the dashes. */
  readonly options: readonly string[];
  readonly variables: readonly string[];
}

const ALTERNATIVES: readonly Alternatives[] = [
  ...placeAndPassword("", "", ["AGENT_", "RESTIC_"]),
  ...placeAndPassword("from-", "FROM_", ["AGENT_", "RESTIC_"]),
  ...placeAndPassword("also-", "ALSO_", ["AGENT_"]),
  { options: ["value-password-file", "value-password-command"], variables: ["AGENT_VALUE_PASSWORD"] },
  { options: ["cacert"], variables: ["AGENT_CACERT", "RESTIC_CACERT"] },
  { options: ["tls-client-cert"], variables: ["AGENT_TLS_CLIENT_CERT", "RESTIC_TLS_CLIENT_CERT"] },
  { options: ["cache-dir"], variables: ["AGENT_CACHE_DIR", "RESTIC_CACHE_DIR"] },
  { options: ["gateway"], variables: ["AGENT_GATEWAY"] },
];

/** The options that give the same as the option `name`, itself included. */
export function alternativesOf(name: string): readonly string[] {
  return find(name)?.options ?? [name];
}

/** The variable that is set and stands for an option; undefined if none is. An empty variable counts as not set. */
export function variableFor(name: string, context: Pick<CliContext, "env" | "envBytes">): string | undefined {
  return find(name)?.variables.find((variable) => isSet(variable, context));
}

/** Whether a variable is set and not empty. It may be a password, and so need not be UTF-8. */
export function isSet(variable: string, { env, envBytes }: Pick<CliContext, "env" | "envBytes">): boolean {
  return ((envBytes ?? env)(variable)?.length ?? 0) > 0;
}

function find(name: string): Alternatives | undefined {
  return ALTERNATIVES.find(({ options }) => options.includes(name));
}

function placeAndPassword(option: string, variable: string, programs: readonly string[]): Alternatives[] {
  const variables = (names: readonly string[]) =>
    programs.flatMap((program) => names.map((name) => `${program}${variable}${name}`));
  const place = option === "" ? "repo" : option.slice(0, -1);
  return [
    { options: [place, `${option}repository-file`], variables: variables(["REPOSITORY", "REPOSITORY_FILE"]) },
    {
      options: [`${option}password-file`, `${option}password-command`],
      variables: variables(["PASSWORD", "PASSWORD_FILE", "PASSWORD_COMMAND"]),
    },
  ];
}
