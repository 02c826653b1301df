/**
 * A dump of a table of events, as pg_dump writes it: short lines that are only ever appended, and dropped when they are
 * old. They compress well, and every line has a number, a time and ids of its own.
 */
import { encode, RowWriter } from "./row_writer.ts";
import { FIRST_NIGHT_DAY, isoDate } from "./calendar.ts";
import { Random } from "./random.ts";

/** How the table changes from one night to the next, as shares of the rows of the first night. */
interface Growth {
  readonly appended: number;
  /** The oldest rows, which are dropped. */
  readonly dropped: number;
}

/** Options of such a dump. Equal options give equal bytes. */
interface LogDumpOptions extends Growth {
  /** Length of the first night's dump, met within a few percent. */
  readonly bytes: number;
  readonly night: number;
  readonly seed: number;
}

/** A month of events and a little more: each night a thirtieth comes, and a fortieth goes. */
export const LOG_GROWTH: Growth = { appended: 1 / 30, dropped: 1 / 40 };

const PIECE_BYTES = 1 << 20;
const LONGEST_ROW_BYTES = 1024;
const SAMPLE_ROWS = 400;
const ROWS = 0x6c6f6721;
const SECONDS_A_DAY = 86_400;

const HEAD = `\
--
-- PostgreSQL database dump
--

-- Dumped from database version 15.6
-- Dumped by pg_dump version 15.6

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET row_security = off;

--
-- Name: events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events (
    id bigint NOT NULL,
    at timestamp without time zone NOT NULL,
    level text NOT NULL,
    host text NOT NULL,
    service text NOT NULL,
    request uuid NOT NULL,
    message text NOT NULL,
    context jsonb
);


--
-- Data for Name: events; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.events (id, at, level, host, service, request, message, context) FROM stdin;
`;
const TAIL = `\
\\.


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

--
-- PostgreSQL database dump complete
--

`;

const TAB = 9;
const NEW_LINE = 10;
const LEVELS = ["info", "info", "info", "info", "info", "info", "debug", "debug", "warning", "error"].map(encode);
const HOSTS = ["web-01", "web-02", "web-03", "web-04", "worker-01", "worker-02"].map((name) => {
  return encode(`${name}.shop.example`);
});
const SERVICES = ["checkout", "catalogue", "search", "mail", "session", "payments", "import"].map(encode);
const VERBS = ["GET", "GET", "GET", "GET", "POST", "PUT", "DELETE"].map((verb) => encode(`${verb} /api/v2/`));
const THINGS = ["orders/", "articles/", "customers/", "carts/", "search?page=", "sessions/"].map(encode);
const STATES = [" 200 in ", " 200 in ", " 200 in ", " 204 in ", " 304 in ", " 404 in ", " 500 in "].map(encode);
const MS = encode(" ms");
const MISS = encode("cache miss for key article:");
const QUERY = encode(
  "slow query: SELECT o.id, o.total FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.customer_id = ",
);
const JOB = encode("job mail.send finished, attempt 1, recipient customer ");
const NO_CONTEXT = encode("\\N");
const CONTEXT = encode('{"user_agent": "shop-app/7.4 (Android 16)", "remote": "10.');
const TRACE = encode('", "trace": "');
const CONTEXT_END = encode('", "sampled": true}');

/** The dump in pieces of about 1 MiB. Owns: each piece is the receiver's. */
export function* generateLogDump(options: LogDumpOptions): Generator<Uint8Array<ArrayBuffer>, void, void> {
  const rowsOnFirstNight = Math.max(1, Math.round(options.bytes / meanRowBytes(options.seed)));
  const nightsBefore = options.night - 1;
  const end = Math.round(rowsOnFirstNight * (1 + options.appended * nightsBefore));
  const out = new RowWriter(PIECE_BYTES + LONGEST_ROW_BYTES + HEAD.length);
  const random = new Random();
  out.raw(encode(HEAD));
  const perDay = rowsOnFirstNight * LOG_GROWTH.appended;
  for (let row = Math.round(rowsOnFirstNight * options.dropped * nightsBefore); row < end; row++) {
    writeEvent(out, row, perDay, random.seed(options.seed, ROWS, row));
    if (out.length >= PIECE_BYTES) yield out.take();
  }
  out.raw(encode(TAIL));
  yield out.take();
}

function meanRowBytes(seed: number): number {
  const out = new RowWriter(SAMPLE_ROWS * LONGEST_ROW_BYTES);
  for (let row = 0; row < SAMPLE_ROWS; row++) {
    writeEvent(out, 100_000 + row, 100_000, new Random().seed(seed, ROWS, row));
  }
  return out.length / SAMPLE_ROWS;
}

/** Writes the line of an event. The first night's events fill the month before it. */
function writeEvent(out: RowWriter, row: number, perDay: number, random: Random): void {
  out.integer(40_000_001 + row);
  out.byte(TAB);
  writeTime(out, FIRST_NIGHT_DAY - 1 / LOG_GROWTH.appended + row / perDay);
  out.byte(TAB);
  out.raw(pick(random, LEVELS));
  out.byte(TAB);
  out.raw(pick(random, HOSTS));
  out.byte(TAB);
  out.raw(pick(random, SERVICES));
  out.byte(TAB);
  writeRequest(out, random);
  out.byte(TAB);
  writeMessage(out, random);
  out.byte(TAB);
  writeContext(out, random);
  out.byte(NEW_LINE);
}

let datesDay = -1;
let dateBytes: Uint8Array = encode("");

function writeTime(out: RowWriter, days: number): void {
  const day = Math.floor(days);
  if (day !== datesDay) [datesDay, dateBytes] = [day, encode(`${isoDate(day)} `)];
  out.raw(dateBytes);
  const second = (days - day) * SECONDS_A_DAY;
  out.digits((second / 3600) | 0, 2);
  out.byte(58);
  out.digits(((second / 60) | 0) % 60, 2);
  out.byte(58);
  out.digits((second | 0) % 60, 2);
  out.byte(46);
  out.digits(((second % 1) * 1e6) | 0, 6);
}

/** An id whose middle is the machine's, as in UUIDs that are made of a time. */
function writeRequest(out: RowWriter, random: Random): void {
  out.hex(random.bits());
  out.raw(REQUEST_MIDDLE);
  out.hex(random.bits());
}

const REQUEST_MIDDLE = encode("-7a31-4c0e-9f1b-04d2");

function writeMessage(out: RowWriter, random: Random): void {
  switch (random.below(8)) {
    case 0:
      out.raw(MISS);
      return out.integer(random.below(60_000));
    case 1:
      out.raw(JOB);
      return out.integer(random.below(900_000));
    case 2:
      out.raw(QUERY);
      return out.integer(random.below(900_000));
    default:
      out.raw(pick(random, VERBS));
      out.raw(pick(random, THINGS));
      out.integer(random.below(200_000));
      out.raw(pick(random, STATES));
      out.integer(1 + random.below(300));
      out.raw(MS);
  }
}

function writeContext(out: RowWriter, random: Random): void {
  if (random.below(3) > 0) return out.raw(NO_CONTEXT);
  out.raw(CONTEXT);
  const address = random.bits();
  out.integer(address & 255);
  out.byte(46);
  out.integer((address >>> 8) & 255);
  out.byte(46);
  out.integer((address >>> 16) & 255);
  out.raw(TRACE);
  out.hex(random.bits());
  out.hex(random.bits());
  out.raw(CONTEXT_END);
}

function pick(random: Random, choices: readonly Uint8Array[]): Uint8Array {
  return choices[random.below(choices.length)]!;
}
