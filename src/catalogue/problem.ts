/** Why there is no catalogue, or what happened to it. */

/** One problem. Only some are worth a warning beside other work. */
export interface CatalogueProblem {
  /**
   * - `unwritable`: the folder or file cannot be made or written: a read-only home, a full disk.
   * - `refused`: somebody else could change it.
   * - `foreign`: the file is no catalogue of this program, and was left alone.
   * - `newer`: a newer version of this program made it; it was left alone.
   * - `damaged`: it was damaged and set aside; an empty one has taken its place.
   */
  readonly kind: "unwritable" | "refused" | "foreign" | "newer" | "damaged";
  /** One line, with what to do. */
  readonly message: string;
}
