/** Gets the value of a key. */
import type { RepositoryAccess, UseCaseOptions } from "../access.ts";
import type { StoredValue } from "./value.ts";

/** Which value is asked for. */
export interface ValueRequest {
  /** The key. */
  readonly key: string;
  /** `latest`, an id or a time, as after the @ of a backup's name; `latest` by default. */
  readonly selector?: string;
  /** Read without a lock, for read-only stores. */
  readonly noLock?: boolean;
}

/**
 * The value of a key; null if it has none. Throws `UsageError` for a selector that means no version of a key that has
 * some, and `IntegrityError` for damage and for a snapshot that cannot be read and may be the one that is meant.
 */
export function getValue(
  _access: RepositoryAccess,
  _request: ValueRequest,
  _options: UseCaseOptions,
): Promise<StoredValue | null> {
  throw new Error("to be written");
}
