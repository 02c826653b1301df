/** What the configuration file says for the command that runs; empty without a file. */
import type { RepositorySettings } from "../config/configuration.ts";
import { namedRepository, type Selection } from "../config/selection.ts";

/** Those settings. They are filled in when the command line has been parsed, before the command begins. */
export class ActiveSettings {
  #selection: Selection | undefined;
  #variable: (name: string) => Uint8Array | undefined = () => undefined;
  readonly #values = new Map<string, unknown>();

  /** The file with its profile; undefined without a file. */
  get selection(): Selection | undefined {
    return this.#selection;
  }

  /** Takes the file. `variable` reads the environment, in which secrets may be. */
  use(selection: Selection, variable: (name: string) => Uint8Array | undefined): void {
    this.#selection = selection;
    this.#variable = variable;
  }

  /** The repository of that name; undefined if there is none. */
  repository(name: string): RepositorySettings | undefined {
    return this.#selection && namedRepository(this.#selection, name);
  }

  /** A variable that the file names, as bytes; undefined if it is not set, or empty. */
  variable(name: string): Uint8Array | undefined {
    const value = this.#variable(name);
    return value?.length ? value : undefined;
  }

  /** Notes that an option has its value from the file. `attribute`: its name as a key of the option values. */
  note(attribute: string, value: unknown): void {
    this.#values.set(attribute, value);
  }

  /** The value that an option has from the file; undefined if it has none from there. */
  value(attribute: string): unknown {
    return this.#values.get(attribute);
  }

  /** Whether an option has its value from the file. */
  has(attribute: string): boolean {
    return this.#values.has(attribute);
  }

  /** Whether the file turns a flag on. */
  isOn(attribute: string): boolean {
    return this.#values.get(attribute) === true;
  }
}
