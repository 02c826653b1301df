/** Texts of different kinds, told apart by the compiler. */

/**
 * What the compiler knows a checked text by, as in `string & Brand<"SeriesName">`: no other text is taken for it. Nothing
 * has this property when a program runs.
 */
export interface Brand<Name extends string> {
  /** The name of the kind; never to be read. */
  readonly __brand: Name;
}
