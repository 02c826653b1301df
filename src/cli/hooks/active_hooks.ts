/**
 * The hooks of a command. They are subscribed when the command first asks for the events: until then nothing of them is
 * loaded.
 */
import { uuid4 } from "../../base/uuid.ts";
import type { HookSettings } from "../../config/configuration.ts";
import { secretVariables } from "../../config/secret_references.ts";
import type { Events } from "../../library/events/events.ts";
import type { CliContext } from "../context.ts";
import { networkOptions } from "../options/network_options.ts";
import type { RepositoryOptions } from "../options/repository_options.ts";

/** Runs a command with the hooks of the configuration, and waits until what they started has ended. */
export async function withHooks<Result>(
  context: CliContext,
  work: (context: CliContext) => Promise<Result>,
): Promise<Result> {
  await using hooks = new ActiveHooks(context);
  return await work({ ...context, events: () => hooks.events(), hooks });
}

class ActiveHooks implements AsyncDisposable {
  readonly #context: CliContext;
  #options: RepositoryOptions = {};
  #events: Promise<Events | undefined> | undefined;
  #subscription: AsyncDisposable | undefined;

  constructor(context: CliContext) {
    this.#context = context;
  }

  /** Takes the options of the command: they say how servers are reached. */
  takeOptions(options: RepositoryOptions): void {
    this.#options = options;
  }

  /** The events with the hooks among their handlers; undefined if nobody subscribed. */
  events(): Promise<Events | undefined> {
    return this.#events ??= this.#subscribe();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#subscription?.[Symbol.asyncDispose]();
  }

  async #subscribe(): Promise<Events | undefined> {
    const heard = await this.#context.events?.();
    const hooks = this.#context.settings?.selection?.hooks ?? [];
    if (hooks.length === 0) return heard;
    const events = heard ?? await this.#newEvents();
    this.#subscription = await this.#subscribeTo(events, hooks);
    return events;
  }

  async #newEvents(): Promise<Events> {
    const { clock, randomBytes, onProblem } = this.#context.world;
    const { Events } = await import("../../library/events/events.ts");
    return new Events({ clock, randomUuid: () => uuid4(randomBytes), onProblem });
  }

  async #subscribeTo(events: Events, hooks: readonly HookSettings[]): Promise<AsyncDisposable> {
    const { settings, world, childEnvironment, terminal, stderr, tooLate } = this.#context;
    const { subscribeHooks } = await import("../../library/events/subscribe_hooks.ts");
    const ending = new AbortController();
    tooLate?.catch((reason) => ending.abort(reason));
    const { beforeProcessEnds } = await import("../../library/machine/process_end.ts");
    return subscribeHooks(events, hooks, {
      beforeProcessEnds: (over) => beforeProcessEnds({ asked: null, over }),
      ending: ending.signal,
      clock: world.clock,
      environment: () => childEnvironment?.() ?? {},
      secretVariables: secretVariables(settings!.selection!.configuration),
      say: (lines) => (terminal ?? stderr).write(lines),
      network: () => networkOptions(this.#options, this.#context),
    });
  }
}
