/** Thumbnails: binary strings that cannot be compressed, escaped byte by byte. */
import { encode } from "../row_writer.ts";
import type { Table } from "./table.ts";

const STRING_TO_STRING = encode("','");
const NUMBER_TO_STRING = encode(",'");
const TYPES = ["image/jpeg", "image/png", "image/webp", "application/pdf"].map(encode);

/** The table `attachments`. */
export const attachments: Table = {
  name: "attachments",
  share: 0.05,
  autoIncrement: true,
  longestRowBytes: 2048,
  columns: [
    "`id` int unsigned NOT NULL AUTO_INCREMENT",
    "`article_id` int unsigned NOT NULL",
    "`type` varchar(40) NOT NULL",
    "`sha1` char(40) CHARACTER SET ascii NOT NULL",
    "`thumbnail` blob NOT NULL",
    "PRIMARY KEY (`id`)",
    "KEY `idx_attachments_article` (`article_id`)",
  ],
  writeRow(out, { index, fixed, varying }, { rowsOnFirstNight, binaryPrefix }) {
    out.byte(40);
    out.integer(index + 1);
    out.byte(44);
    out.integer(1 + fixed.below(rowsOnFirstNight.articles));
    out.raw(NUMBER_TO_STRING);
    out.raw(TYPES[fixed.below(TYPES.length)]!);
    out.raw(STRING_TO_STRING);
    for (let i = 0; i < 5; i++) out.hex(varying.bits());
    out.quote();
    out.byte(44);
    out.raw(binaryPrefix);
    out.quote();
    for (let words = 40 + varying.below(80); words > 0; words--) {
      const bits = varying.bits();
      out.escaped(bits & 255);
      out.escaped((bits >>> 8) & 255);
      out.escaped((bits >>> 16) & 255);
      out.escaped(bits >>> 24);
    }
    out.quote();
    out.byte(41);
  },
};
