/**
 * A database of a little more than 2 MB in a dump for each percent of its full size, made by the server itself: text of
 * one to four bytes a character, blobs, decimals, negative numbers, dates, NULLs, a view, a trigger. The same in every run.
 *
 * - `STRESS_SHOP`: its size in percent; what it shows does not depend on that, but for how long pipes are full.
 */
import { stressSize } from "../helpers/stress_size.ts";

/** The size of the database, in percent of some 200 MB. */
export const SHOP_PERCENT = stressSize("STRESS_SHOP", 25);

const CUSTOMERS = 2_500 * SHOP_PERCENT;
const ORDERS = 10_000 * SHOP_PERCENT;
const ATTACHMENTS = 18 * SHOP_PERCENT;

/** Statements that make the database `shop`. */
export const MAKE_SHOP = String.raw`
SET SESSION group_concat_max_len = 1000000, sql_mode = 'STRICT_ALL_TABLES,NO_UNSIGNED_SUBTRACTION';
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE customers (
  id INT PRIMARY KEY, name VARCHAR(80) NOT NULL, note TEXT, born DATE, balance DECIMAL(14,4), rating DOUBLE,
  seen DATETIME(6), flags BIT(5), kind ENUM('new', 'old', 'läßt'), KEY (name)
);
INSERT INTO customers SELECT seq,
  CONCAT(ELT(seq % 5 + 1, 'Jürgen', 'Ольга', '深い', 'smith', '🦀🧀'), ' ', MD5(seq)),
  IF(seq % 7 = 0, NULL, CONCAT_WS('\n', REPEAT(MD5(seq * 3), seq % 4), 'quote '' " \\ tab\t', CHAR(0 USING utf8mb4), '🚀')),
  IF(seq % 11 = 0, NULL, '1900-01-01' + INTERVAL seq % 40000 DAY),
  (CRC32(seq) - 2147483648) / 10000, IF(seq % 13 = 0, NULL, -SQRT(seq) / 3),
  '2020-01-01' + INTERVAL seq * 1000003 MICROSECOND, seq % 32, seq % 3 + 1
FROM seq_1_to_${CUSTOMERS};
CREATE TABLE orders (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, amount DECIMAL(10,2), placed TIMESTAMP NULL,
  delta SMALLINT, token CHAR(40) CHARACTER SET ascii
);
INSERT INTO orders SELECT seq, CRC32(seq) % ${CUSTOMERS} + 1, IF(seq % 17 = 0, NULL, (seq % 90001 - 45000) / 7),
  IF(seq % 19 = 0, NULL, FROM_UNIXTIME(1500000000 + seq)), seq % 65536 - 32768, SHA1(seq)
FROM seq_1_to_${ORDERS};
CREATE TABLE attachments (id INT PRIMARY KEY, content LONGBLOB, small VARBINARY(20));
INSERT INTO attachments SELECT seq, (
    SELECT GROUP_CONCAT(UNHEX(SHA2(CONCAT(attachment.seq, '/', part.seq), 512)) ORDER BY part.seq SEPARATOR '')
    FROM seq_1_to_600 AS part
  ), IF(seq % 2, UNHEX(MD5(seq)), NULL)
FROM seq_1_to_${ATTACHMENTS} AS attachment;
CREATE TABLE nothing (id INT PRIMARY KEY);
CREATE VIEW owing AS SELECT id, name FROM customers WHERE balance < 0;
CREATE TRIGGER no_negative_ids BEFORE INSERT ON nothing FOR EACH ROW SET NEW.id = ABS(NEW.id);
`;

/** Statements that change the database as a day does: some rows anywhere, and new ones at the end. */
export const NEXT_DAY = `
UPDATE customers SET balance = balance + 1, note = CONCAT('🎉', COALESCE(note, '')) WHERE id % 5000 = 17;
UPDATE orders SET amount = -amount WHERE id % 20000 = 4;
DELETE FROM orders WHERE id % 50000 = 9;
INSERT INTO orders (customer, amount, token) SELECT seq, seq / 3, MD5(seq) FROM seq_1_to_${ORDERS / 200};
`;
