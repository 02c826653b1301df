/** Distinct types for different kinds of text. */

/**
 * Marks a checked text for the compiler, as in `string & Brand<"SeriesName">`: no other text can be used in its place.
 * The property does not exist at run time.
 */
export interface Brand<Name extends string> {
  /** The name of the kind. Never read. */
  readonly __brand: Name;
}
