/**
 * What plugins use of this program while they run. A plugin in the executable cannot import it: its modules have no
 * names there. And errors count only as what their class says, so they have to be of these very classes.
 */
import { sourceOfStream } from "../../base/byte_source.ts";
import {
  AgentError,
  BugError,
  DeniedError,
  ExistsError,
  IntegrityError,
  InterruptedError,
  NotFoundError,
  ShortFileError,
  SourceError,
  StoreError,
  StoreFullError,
  TemporaryError,
  TooLargeError,
  UnfitParentError,
  UsageError,
} from "../../base/errors.ts";
import { Child } from "../../engine/child.ts";
import { byteStringOf } from "../../format/byte_string.ts";
import { parseStreamPath } from "../../format/manifest/series.ts";
import { GoFileMode } from "../../format/tree/file_mode.ts";
import { entryProperties } from "../../format/tree/node.ts";
import { eventJson } from "../events/event_json.ts";

/** The classes of errors that plugins throw, and tools for engines. Each is what the library exports by that name. */
export interface PluginLibrary {
  /** The class of all errors of this program. */
  readonly AgentError: typeof AgentError;
  /** Thrown where the caller is wrong, such as by a store for a name of another form. */
  readonly BugError: typeof BugError;
  /** Thrown by a store that refuses. */
  readonly DeniedError: typeof DeniedError;
  /** Thrown by a store for a name that is taken. */
  readonly ExistsError: typeof ExistsError;
  /** Thrown for what is damaged. */
  readonly IntegrityError: typeof IntegrityError;
  /** Thrown for what was cancelled. */
  readonly InterruptedError: typeof InterruptedError;
  /** Thrown by a store for a file that is not there. */
  readonly NotFoundError: typeof NotFoundError;
  /** Thrown by a store for a file that ends too early. */
  readonly ShortFileError: typeof ShortFileError;
  /** Thrown for a source that is not whole. */
  readonly SourceError: typeof SourceError;
  /** Thrown by a store for any other failure. */
  readonly StoreError: typeof StoreError;
  /** Thrown by a store without space. */
  readonly StoreFullError: typeof StoreFullError;
  /** Thrown by a store for what may pass. */
  readonly TemporaryError: typeof TemporaryError;
  /** Thrown by a store for a file that is larger than its reader accepts. */
  readonly TooLargeError: typeof TooLargeError;
  /** Thrown by an engine whose source cannot continue the earlier backup. */
  readonly UnfitParentError: typeof UnfitParentError;
  /** Thrown for what makes no sense: a URL, an argument. */
  readonly UsageError: typeof UsageError;
  /** Runs programs, for engines. */
  readonly Child: typeof Child;
  /** An event as JSON, with backups as `agent ls --json` lists them. */
  readonly eventJson: typeof eventJson;
  /** Names of files as engines give them. */
  readonly byteStringOf: typeof byteStringOf;
  /** The properties of an entry of a tree. */
  readonly entryProperties: typeof entryProperties;
  /** The bits of modes. */
  readonly GoFileMode: typeof GoFileMode;
  /** The path of a stream. */
  readonly parseStreamPath: typeof parseStreamPath;
  /** A source of a web stream or an async iterable. */
  readonly sourceOfStream: typeof sourceOfStream;
}

/** Those of this program. */
export const PLUGIN_LIBRARY: PluginLibrary = Object.freeze({
  AgentError,
  BugError,
  DeniedError,
  ExistsError,
  IntegrityError,
  InterruptedError,
  NotFoundError,
  ShortFileError,
  SourceError,
  StoreError,
  StoreFullError,
  TemporaryError,
  TooLargeError,
  UnfitParentError,
  UsageError,
  Child,
  eventJson,
  byteStringOf,
  entryProperties,
  GoFileMode,
  parseStreamPath,
  sourceOfStream,
});
