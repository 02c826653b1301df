/** Product descriptions: long texts. A change rewrites a passage. */
import { writeDateTimeAtRandom } from "../calendar.ts";
import { encode } from "../row_writer.ts";
import type { Table } from "./table.ts";

const STRING_TO_STRING = encode("','");
const STRING_TO_NUMBER = encode("',");
const NUMBER_TO_STRING = encode(",'");
const LANGUAGES = ["de", "en", "en", "en", "fr", "pl"].map(encode);

/** The table `articles`. */
export const articles: Table = {
  name: "articles",
  share: 0.12,
  autoIncrement: true,
  longestRowBytes: 16_384,
  columns: [
    "`id` int unsigned NOT NULL AUTO_INCREMENT",
    "`slug` varchar(120) NOT NULL",
    "`title` varchar(200) NOT NULL",
    "`body` mediumtext NOT NULL",
    "`language` char(2) NOT NULL",
    "`price` decimal(10,2) NOT NULL",
    "`stock` int NOT NULL",
    "`views` int unsigned NOT NULL",
    "`published_at` datetime NOT NULL",
    "`updated_at` datetime NOT NULL",
    "PRIMARY KEY (`id`)",
    "KEY `idx_articles_slug` (`slug`)",
  ],
  writeRow(out, { index, bornDay, changedDay, fixed, varying }, { vocabulary }) {
    out.byte(40);
    out.integer(index + 1);
    out.raw(NUMBER_TO_STRING);
    vocabulary.word(out, fixed.bits());
    out.byte(45);
    vocabulary.word(out, fixed.bits());
    out.byte(45);
    out.integer(index + 1);
    out.raw(STRING_TO_STRING);
    vocabulary.sentences(out, fixed, 2 + fixed.below(6));
    out.raw(STRING_TO_STRING);
    vocabulary.sentences(out, fixed, 20 + fixed.below(120));
    out.byte(32);
    vocabulary.sentences(out, varying, 3 + varying.below(12));
    out.byte(32);
    vocabulary.sentences(out, fixed, 10 + fixed.below(120));
    out.raw(STRING_TO_STRING);
    out.raw(LANGUAGES[fixed.below(LANGUAGES.length)]!);
    out.raw(STRING_TO_NUMBER);
    out.decimal(99 + 10 * fixed.below(30_000));
    out.byte(44);
    // Stock below zero was sold but not yet delivered.
    const stock = varying.below(500) - 20;
    if (stock < 0) out.byte(45);
    out.integer(Math.abs(stock));
    out.byte(44);
    out.integer(varying.below(1_000_000));
    out.byte(44);
    writeDateTimeAtRandom(out, bornDay, fixed.bits());
    out.byte(44);
    writeDateTimeAtRandom(out, changedDay, varying.bits());
    out.byte(41);
  },
};
