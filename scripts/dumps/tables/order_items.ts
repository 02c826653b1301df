/** The lines of orders: short rows of numbers. This table has by far the most rows. */
import { encode } from "../row_writer.ts";
import type { Table } from "./table.ts";

const NULL = encode(",NULL)");
const MINUS_ONE = encode("-1");
const QUANTITIES = ["1", "1", "1", "1", "2", "2", "3", "12"].map(encode);

/** The table `order_items`. */
export const orderItems: Table = {
  name: "order_items",
  share: 0.35,
  autoIncrement: true,
  longestRowBytes: 1024,
  columns: [
    "`id` int unsigned NOT NULL AUTO_INCREMENT",
    "`order_id` int unsigned NOT NULL",
    "`article_id` int unsigned NOT NULL",
    "`quantity` smallint NOT NULL",
    "`price` decimal(10,2) NOT NULL",
    "`discount` decimal(6,2) NOT NULL",
    "`remark` varchar(200) DEFAULT NULL",
    "PRIMARY KEY (`id`)",
    "KEY `idx_order_items_order` (`order_id`)",
    "KEY `idx_order_items_article` (`article_id`)",
  ],
  writeRow(out, { index, fixed, varying }, { vocabulary, rowsOnFirstNight }) {
    out.byte(40);
    out.integer(index + 1);
    out.byte(44);
    // Items follow their orders: with three items an order, the order's number is a third of the item's.
    out.integer(1 + ((index / 3) | 0));
    out.byte(44);
    out.integer(1 + fixed.below(rowsOnFirstNight.articles));
    out.byte(44);
    const quantity = varying.below(40);
    // A cancelled line has quantity -1.
    out.raw(quantity === 0 ? MINUS_ONE : QUANTITIES[quantity & 7]!);
    out.byte(44);
    out.decimal(99 + 10 * varying.below(30_000));
    out.byte(44);
    out.decimal(varying.below(5) > 0 ? 0 : -varying.below(5_000));
    if (fixed.below(12) > 0) return out.raw(NULL);
    out.byte(44);
    out.quote();
    vocabulary.sentences(out, varying, 3 + varying.below(10));
    out.quote();
    out.byte(41);
  },
};
