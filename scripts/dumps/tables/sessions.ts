/** Sessions: hex tokens, which carry information in half of their length, and a little JSON. */
import { writeDateTimeAtRandom } from "../calendar.ts";
import { encode } from "../row_writer.ts";
import type { Table } from "./table.ts";

const NUMBER_TO_STRING = encode(",'");
const STRING_TO_STRING = encode("','");
const STRING_TO_NUMBER = encode("',");
const COMMA_SPACE = encode(", ");
const CART = encode('{\\"cart\\": [');
const SEEN = encode('], \\"seen\\": ');
const AGENTS = [
  "Firefox/147.0 (Linux)",
  "Firefox/147.0 (Windows)",
  "Chrome/144.0 (Windows)",
  "Safari/26.2 (iPhone)",
  "shop-app/7.4 (Android 16)",
  "curl/8.17.0",
].map(encode);

/** The table `sessions`. */
export const sessions: Table = {
  name: "sessions",
  share: 0.12,
  autoIncrement: false,
  longestRowBytes: 1024,
  columns: [
    "`token` char(40) CHARACTER SET ascii NOT NULL",
    "`customer_id` int unsigned DEFAULT NULL",
    "`secret` char(32) CHARACTER SET ascii NOT NULL",
    "`address` varchar(45) NOT NULL",
    "`user_agent` varchar(255) NOT NULL",
    "`data` json NOT NULL",
    "`expires_at` datetime NOT NULL",
    "PRIMARY KEY (`token`)",
  ],
  writeRow(out, { changedDay, fixed, varying }, { rowsOnFirstNight }) {
    out.byte(40);
    out.quote();
    for (let i = 0; i < 5; i++) out.hex(fixed.bits());
    out.raw(STRING_TO_NUMBER);
    out.integer(1 + fixed.below(rowsOnFirstNight.customers));
    out.raw(NUMBER_TO_STRING);
    for (let i = 0; i < 4; i++) out.hex(varying.bits());
    out.raw(STRING_TO_STRING);
    const address = fixed.bits();
    for (let shift = 24; shift >= 0; shift -= 8) {
      out.integer((address >>> shift) & 255);
      if (shift > 0) out.byte(46);
    }
    out.raw(STRING_TO_STRING);
    out.raw(AGENTS[fixed.below(AGENTS.length)]!);
    out.raw(STRING_TO_STRING);
    out.raw(CART);
    for (let i = varying.below(5); i >= 0; i--) {
      out.integer(1 + varying.below(rowsOnFirstNight.articles));
      if (i > 0) out.raw(COMMA_SPACE);
    }
    out.raw(SEEN);
    out.integer(varying.below(1_000));
    out.byte(125);
    out.raw(STRING_TO_NUMBER);
    writeDateTimeAtRandom(out, changedDay + 14, varying.bits());
    out.byte(41);
  },
};
