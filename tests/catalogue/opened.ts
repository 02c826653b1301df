/** Catalogues in temporary folders, for tests. */
import assert from "node:assert/strict";
import { type Catalogue, openCatalogue } from "../../src/catalogue/catalogue.ts";
import type { CatalogueProblem } from "../../src/catalogue/problem.ts";
import { readCatalogue } from "../../src/catalogue/read_catalogue.ts";
import type { CataloguedRepository } from "../../src/catalogue/records.ts";
import { TestDirectory } from "../helpers/test_directory.ts";
import { FakeClock } from "../helpers/world.ts";

export const SHOP: CataloguedRepository = { id: "5".repeat(64), location: "rest:http://store:8000/shop" };

/** A place for a catalogue, and what was told about it. */
export class CataloguePlace implements AsyncDisposable {
  readonly folder = new TestDirectory();
  readonly clock = new FakeClock();
  readonly problems: CatalogueProblem[] = [];

  get path(): string {
    return this.folder.at("state/catalogue.sqlite");
  }

  /** Null if it cannot be opened. */
  tryOpen(path = this.path, uid: number | null = Deno.uid()): Promise<Catalogue | null> {
    return openCatalogue({ path, clock: this.clock, uid, onProblem: (problem) => this.problems.push(problem) });
  }

  async open(): Promise<Catalogue> {
    const catalogue = await this.tryOpen();
    assert.ok(catalogue !== null, JSON.stringify(this.problems));
    return catalogue;
  }

  /** The rows of a statement. */
  async rows(sql: string): Promise<unknown[][]> {
    using reader = await readCatalogue(this.path, Deno.uid());
    return [...reader.query(sql).rows].map((row) => [...row]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.folder[Symbol.asyncDispose]();
  }
}
