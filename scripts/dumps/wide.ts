/**
 * A dump of one wide table of documents: long texts and JSON under UUIDs, as mysqldump writes it, which is in the order
 * of the keys. So each night's rows come, go and change anywhere in it.
 */
import { FIRST_NIGHT_DAY, isoDate, writeDateTimeAtRandom } from "./calendar.ts";
import { dumpHead, dumpTail, FLAVOURS, tableHead, tableTail } from "./flavour.ts";
import { RowLives, type Turnover } from "./lives.ts";
import { Random } from "./random.ts";
import { encode, RowWriter } from "./row_writer.ts";
import { bornDay, changedDay } from "./tables/table.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Options of such a dump. Equal options give equal bytes. */
interface WideDumpOptions extends Turnover {
  /** Length of the first night's dump, met within a few percent. */
  readonly bytes: number;
  readonly night: number;
  readonly seed: number;
}

/** What the table goes through each night unless told otherwise. */
export const WIDE_TURNOVER: Turnover = { changed: 0.004, inserted: 0.01, deleted: 0.002 };

const TABLE = "documents";
const COLUMNS = [
  "`id` char(36) CHARACTER SET ascii NOT NULL",
  "`kind` varchar(24) NOT NULL",
  "`title` varchar(250) NOT NULL",
  "`summary` text NOT NULL",
  "`body` mediumtext NOT NULL",
  "`editor_notes` text DEFAULT NULL",
  "`author_id` char(36) CHARACTER SET ascii NOT NULL",
  "`content` json NOT NULL",
  "`settings` json NOT NULL",
  "`revision` int unsigned NOT NULL",
  "`created_at` datetime NOT NULL",
  "`updated_at` datetime NOT NULL",
  "PRIMARY KEY (`id`)",
  "KEY `idx_documents_author` (`author_id`)",
];

const FLAVOUR = FLAVOURS.mysql;
const LONGEST_STATEMENT_BYTES = 1_046_528;
const LONGEST_ROW_BYTES = 48 * 1024;
const PIECE_BYTES = 1 << 20;
const SAMPLE_ROWS = 200;
const FIXED = 0;
const ROWS = 0x77696465;

const STRING_TO_STRING = encode("','");
const NULL_TO_STRING = encode("NULL,'");
const STRING_TO_NUMBER = encode("',");
const KINDS = ["article", "article", "article", "press_release", "manual", "newsletter", "meeting_minutes"].map(encode);
const BLOCK_TYPES = ["paragraph", "paragraph", "paragraph", "heading", "quotation", "bulleted_list"].map(encode);
const SETTINGS_BEGIN = encode(
  '{\\"locale\\": \\"de_DE\\", \\"channel\\": \\"web\\", \\"visibility\\": \\"public\\", ' +
    '\\"moderation\\": {\\"state\\": \\"approved\\", \\"automatic\\": true}, \\"comments_enabled\\": ',
);
const TRUE_FALSE = ["true", "true", "false"].map(encode);
const VIEWS = encode(', \\"views\\": ');
const LAYOUT = encode(
  ', \\"layout\\": {\\"columns\\": 2, \\"theme\\": \\"default\\", \\"show_author\\": true, \\"teaser\\": ',
);
const SETTINGS_END = encode("}}");
const CONTENT_BEGIN = encode('{\\"blocks\\": [');
const BLOCK_BEGIN = encode('{\\"id\\": \\"');
const BLOCK_TYPE = encode('\\", \\"type\\": \\"');
const BLOCK_TEXT = encode(
  '\\", \\"align\\": \\"left\\", \\"style\\": {\\"bold\\": false, \\"italic\\": false}, \\"text\\": \\"',
);
const BLOCK_END = encode('\\"}');
const COMMA_SPACE = encode(", ");
const CONTENT_END = encode('], \\"schema\\": \\"document/3\\", \\"generator\\": \\"editor 7.4.1\\"}');

/** The dump in pieces of about 1 MiB. Owns: each piece is the receiver's. */
export function* generateWideDump(options: WideDumpOptions): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const documents = new Documents(options);
  const insert = encode(`INSERT INTO \`${TABLE}\` VALUES `);
  const out = new RowWriter(PIECE_BYTES + LONGEST_ROW_BYTES + 4096);
  out.raw(encode(dumpHead(FLAVOUR)));
  out.raw(encode(tableHead(FLAVOUR, TABLE, COLUMNS, undefined)));
  let statementBytes = 0;
  for (let place = 0; place < documents.lives.places; place++) {
    if (!documents.lives.isRow(place)) continue;
    if (statementBytes > LONGEST_STATEMENT_BYTES - LONGEST_ROW_BYTES) {
      out.raw(END_OF_STATEMENT);
      statementBytes = 0;
    }
    const start = out.length;
    if (statementBytes > 0) out.byte(44);
    else out.raw(insert);
    documents.write(out, place);
    statementBytes += out.length - start;
    if (out.length >= PIECE_BYTES) yield out.take();
  }
  if (statementBytes > 0) out.raw(END_OF_STATEMENT);
  out.raw(encode(tableTail(TABLE)));
  out.raw(encode(dumpTail(`${isoDate(FIRST_NIGHT_DAY + options.night - 1)}  3:07:42`)));
  yield out.take();
}

const END_OF_STATEMENT = encode(";\n");

/** The rows of the table on a night. */
class Documents {
  readonly lives: RowLives;
  readonly #seed: number;
  readonly #vocabulary: Vocabulary;
  readonly #fixed = new Random();
  readonly #varying = new Random();

  constructor(options: WideDumpOptions) {
    this.#seed = options.seed;
    this.#vocabulary = new Vocabulary(options.seed);
    this.lives = new RowLives(options.seed, 1, options.night, options);
    const rows = Math.max(1, Math.round(options.bytes / this.#meanRowBytes()));
    this.lives = new RowLives(options.seed, rows, options.night, options);
  }

  #meanRowBytes(): number {
    const out = new RowWriter(SAMPLE_ROWS * LONGEST_ROW_BYTES);
    for (let i = 0; i < SAMPLE_ROWS; i++) this.write(out, i);
    return out.length / SAMPLE_ROWS + 1;
  }

  /** Writes the row in that place with its parentheses. `lives` was asked for it just before. */
  write(out: RowWriter, place: number): void {
    const { bornNight, changedNight } = this.lives.life;
    const vocabulary = this.#vocabulary;
    const fixed = this.#fixed.seed(this.#seed, ROWS, place, FIXED);
    const varying = this.#varying.seed(this.#seed, ROWS, place, changedNight);
    const born = bornDay(fixed.below(1 << 20), 1 << 20, bornNight);
    out.byte(40);
    out.quote();
    // The keys are in the order of the places, and otherwise random.
    const spacing = 2 ** 32 / this.lives.places;
    writeUuid(out, Math.floor(place * spacing) | 0, fixed);
    out.raw(STRING_TO_STRING);
    out.raw(KINDS[fixed.below(KINDS.length)]!);
    out.raw(STRING_TO_STRING);
    vocabulary.sentences(out, fixed, 4 + fixed.below(8));
    out.raw(STRING_TO_STRING);
    vocabulary.sentences(out, fixed, 20 + fixed.below(30));
    out.raw(STRING_TO_STRING);
    vocabulary.sentences(out, fixed, 60 + fixed.below(200));
    out.byte(32);
    vocabulary.sentences(out, varying, 5 + varying.below(20));
    out.byte(32);
    vocabulary.sentences(out, fixed, 20 + fixed.below(100));
    out.raw(STRING_TO_NUMBER);
    if (varying.below(3) > 0) {
      out.raw(NULL_TO_STRING);
    } else {
      out.quote();
      vocabulary.sentences(out, varying, 10 + varying.below(20));
      out.raw(STRING_TO_STRING);
    }
    writeUuid(out, fixed.bits(), fixed);
    out.raw(STRING_TO_STRING);
    this.#writeContent(out, fixed);
    out.raw(STRING_TO_STRING);
    writeSettings(out, fixed, varying);
    out.raw(STRING_TO_NUMBER);
    out.integer(1 + varying.below(40));
    out.byte(44);
    writeDateTimeAtRandom(out, born, fixed.bits());
    out.byte(44);
    writeDateTimeAtRandom(out, changedDay(born, changedNight), varying.bits());
    out.byte(41);
  }

  #writeContent(out: RowWriter, random: Random): void {
    out.raw(CONTENT_BEGIN);
    for (let blocks = 3 + random.below(14); blocks > 0; blocks--) {
      out.raw(BLOCK_BEGIN);
      out.hex(random.bits());
      out.raw(BLOCK_TYPE);
      out.raw(BLOCK_TYPES[random.below(BLOCK_TYPES.length)]!);
      out.raw(BLOCK_TEXT);
      for (let words = 2 + random.below(6); words > 0; words--) {
        this.#vocabulary.word(out, random.bits());
        out.byte(words > 1 ? 32 : 46);
      }
      out.raw(BLOCK_END);
      if (blocks > 1) out.raw(COMMA_SPACE);
    }
    out.raw(CONTENT_END);
  }
}

function writeSettings(out: RowWriter, fixed: Random, varying: Random): void {
  out.raw(SETTINGS_BEGIN);
  out.raw(TRUE_FALSE[fixed.below(TRUE_FALSE.length)]!);
  out.raw(VIEWS);
  out.integer(varying.below(100_000));
  out.raw(LAYOUT);
  out.raw(TRUE_FALSE[fixed.below(TRUE_FALSE.length)]!);
  out.raw(SETTINGS_END);
}

/** A UUID of version 4 whose first 32 bits are given. */
function writeUuid(out: RowWriter, first: number, random: Random): void {
  out.hex(first);
  out.byte(45);
  const [second, third, fourth] = [random.bits(), random.bits(), random.bits()];
  for (let shift = 28; shift >= 16; shift -= 4) out.hexDigit(second >>> shift);
  out.byte(45);
  out.hexDigit(4);
  for (let shift = 8; shift >= 0; shift -= 4) out.hexDigit(second >>> shift);
  out.byte(45);
  out.hexDigit(8 | (third >>> 30));
  for (let shift = 24; shift >= 16; shift -= 4) out.hexDigit(third >>> shift);
  out.byte(45);
  for (let shift = 12; shift >= 0; shift -= 4) out.hexDigit(third >>> shift);
  out.hex(fourth);
}
