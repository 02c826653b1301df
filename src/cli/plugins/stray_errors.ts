/** Errors of plugins that nobody waits for: by default the runtime ends the process for them, and a backup with it. */

/**
 * Takes uncaught errors whose stack `ownerOf` recognises as that of a plugin, and tells them, until it is disposed of.
 * All others end the process as ever.
 */
export function catchStrayErrors(
  ownerOf: (stack: string) => string | undefined,
  tell: (plugin: string, error: Error) => void,
): Disposable {
  const take = (event: Event, thrown: unknown) => {
    const plugin = thrown instanceof Error ? ownerOf(thrown.stack ?? "") : undefined;
    if (plugin === undefined) return;
    event.preventDefault();
    tell(plugin, thrown as Error);
  };
  const onError = (event: ErrorEvent) => take(event, event.error);
  const onRejection = (event: PromiseRejectionEvent) => take(event, event.reason);
  addEventListener("error", onError);
  addEventListener("unhandledrejection", onRejection);
  return {
    [Symbol.dispose]() {
      removeEventListener("error", onError);
      removeEventListener("unhandledrejection", onRejection);
    },
  };
}
