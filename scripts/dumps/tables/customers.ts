/** Customers: names in several scripts, addresses, and a balance that may be negative. */
import { writeDateTimeAtRandom } from "../calendar.ts";
import { encode } from "../row_writer.ts";
import type { Table } from "./table.ts";

const STRING_TO_STRING = encode("','");
const STRING_TO_NUMBER = encode("',");
const NUMBER_TO_STRING = encode(",'");
const PHONE = encode("+49 ");

const GIVEN_NAMES =
  "Anna Ben Chloé David Elif Felix Grace Hannah Ines Jürgen Katarzyna Léa Małgorzata Noah Olga Paul Quentin Rosa Søren Thérèse Ulrike Víctor Wei Xenia Yuki Zoë Ольга さくら 美咲 Γιάννης"
    .split(" ").map(encode);
const FAMILY_NAMES =
  "Müller Schmidt O\\'Brien Nowak García Rossi Dubois Jansen Novák Yılmaz Andersson Kowalczyk Silva Horvat Popescu Nagy Иванов Παπαδόπουλος 佐藤 王 Smith Jones Taylor D\\'Angelo Weiß Lefèvre Łuczak Hansen Virtanen Kraus"
    .split(" ").map(encode);
const MAIL_NAMES = "anna ben c.david elif felix grace hannah ines j katarzyna lea noah olga paul rosa info".split(" ")
  .map(encode);
const MAIL_DOMAINS = "@example.com @example.org @mail.example.net @post.example @shop-kunde.example".split(" ")
  .map(encode);
const CITIES =
  "Berlin Hamburg München Köln Wien Zürich Kraków Łódź Paris Lyon Saint-Étienne London Leeds Roma Milano Coruña Málaga İzmir Москва 東京 Αθήνα Århus"
    .split(" ").map(encode);
const COUNTRIES = "DE DE DE AT CH PL FR GB IT ES TR RU JP GR DK".split(" ").map(encode);

/** The table `customers`. */
export const customers: Table = {
  name: "customers",
  share: 0.1,
  autoIncrement: true,
  longestRowBytes: 1024,
  columns: [
    "`id` int unsigned NOT NULL AUTO_INCREMENT",
    "`email` varchar(190) NOT NULL",
    "`given_name` varchar(80) NOT NULL",
    "`family_name` varchar(80) NOT NULL",
    "`phone` varchar(32) DEFAULT NULL",
    "`street` varchar(120) NOT NULL",
    "`postcode` varchar(12) NOT NULL",
    "`city` varchar(80) NOT NULL",
    "`country` char(2) NOT NULL",
    "`balance` decimal(10,2) NOT NULL DEFAULT '0.00'",
    "`points` int NOT NULL DEFAULT '0'",
    "`created_at` datetime NOT NULL",
    "`last_seen_at` datetime DEFAULT NULL",
    "PRIMARY KEY (`id`)",
    "UNIQUE KEY `uq_customers_email` (`email`)",
  ],
  writeRow(out, { index, bornDay, changedDay, fixed, varying }, { vocabulary }) {
    out.byte(40);
    out.integer(index + 1);
    out.raw(NUMBER_TO_STRING);
    out.raw(MAIL_NAMES[fixed.below(MAIL_NAMES.length)]!);
    out.integer(index * 7 + fixed.below(7));
    out.raw(MAIL_DOMAINS[fixed.below(MAIL_DOMAINS.length)]!);
    out.raw(STRING_TO_STRING);
    out.raw(GIVEN_NAMES[fixed.below(GIVEN_NAMES.length)]!);
    out.raw(STRING_TO_STRING);
    out.raw(FAMILY_NAMES[fixed.below(FAMILY_NAMES.length)]!);
    out.raw(STRING_TO_STRING);
    out.raw(PHONE);
    out.integer(100_000_000 + varying.below(1_900_000_000));
    out.raw(STRING_TO_STRING);
    vocabulary.capitalised(out, varying.bits());
    out.byte(32);
    out.integer(1 + varying.below(200));
    out.raw(STRING_TO_STRING);
    out.digits(fixed.below(100_000), 5);
    out.raw(STRING_TO_STRING);
    out.raw(CITIES[fixed.below(CITIES.length)]!);
    out.raw(STRING_TO_STRING);
    out.raw(COUNTRIES[fixed.below(COUNTRIES.length)]!);
    out.raw(STRING_TO_NUMBER);
    out.decimal(varying.below(4) > 0 ? 0 : varying.below(200_000) - 60_000);
    out.byte(44);
    out.integer(varying.below(20_000));
    out.byte(44);
    writeDateTimeAtRandom(out, bornDay, fixed.bits());
    out.byte(44);
    writeDateTimeAtRandom(out, changedDay, varying.bits());
    out.byte(41);
  },
};
