/** Orders: references, positive and negative amounts, states that change, and sometimes a note. */
import { writeDateTimeAtRandom } from "../calendar.ts";
import { encode } from "../row_writer.ts";
import type { Table } from "./table.ts";

const NUMBER_TO_STRING = encode(",'");
const STRING_TO_NUMBER = encode("',");
const NULL = encode("NULL");
const STATES = ["paid", "paid", "shipped", "shipped", "delivered", "delivered", "delivered", "returned", "cancelled"]
  .map(encode);
const CURRENCIES = ["EUR", "EUR", "EUR", "EUR", "USD", "GBP", "PLN", "CHF"].map(encode);

/** The table `orders`. */
export const orders: Table = {
  name: "orders",
  share: 0.26,
  autoIncrement: true,
  longestRowBytes: 2048,
  columns: [
    "`id` int unsigned NOT NULL AUTO_INCREMENT",
    "`customer_id` int unsigned NOT NULL",
    "`reference` char(12) CHARACTER SET ascii NOT NULL",
    "`status` varchar(16) NOT NULL",
    "`total` decimal(10,2) NOT NULL",
    "`currency` char(3) NOT NULL",
    "`note` varchar(500) DEFAULT NULL",
    "`created_at` datetime NOT NULL",
    "`updated_at` datetime NOT NULL",
    "PRIMARY KEY (`id`)",
    "KEY `idx_orders_customer` (`customer_id`)",
    "KEY `idx_orders_created` (`created_at`)",
  ],
  writeRow(out, { index, bornDay, changedDay, fixed, varying }, { vocabulary, rowsOnFirstNight }) {
    out.byte(40);
    out.integer(index + 1);
    out.byte(44);
    out.integer(1 + fixed.below(rowsOnFirstNight.customers));
    out.raw(NUMBER_TO_STRING);
    out.hex(fixed.bits());
    out.digits(fixed.below(10_000), 4);
    out.quote();
    out.raw(NUMBER_TO_STRING);
    out.raw(STATES[varying.below(STATES.length)]!);
    out.raw(STRING_TO_NUMBER);
    // One in sixteen is a credit note.
    const total = 500 + varying.below(50_000);
    out.decimal(varying.below(16) === 0 ? -total : total);
    out.raw(NUMBER_TO_STRING);
    out.raw(CURRENCIES[fixed.below(CURRENCIES.length)]!);
    out.raw(STRING_TO_NUMBER);
    if (varying.below(4) === 0) {
      out.quote();
      vocabulary.sentences(out, varying, 4 + varying.below(16));
      out.quote();
    } else {
      out.raw(NULL);
    }
    out.byte(44);
    writeDateTimeAtRandom(out, bornDay, fixed.bits());
    out.byte(44);
    writeDateTimeAtRandom(out, changedDay, varying.bits());
    out.byte(41);
  },
};
