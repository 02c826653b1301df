/**
 * One session of MariaDB on its socket, by the protocol itself (chapter "Clientserver Protocol" of its manual): to start
 * `mariadb` for each of the thousands of looks of the tests takes much of their time.
 */
import { concatBytes } from "../../src/base/bytes.ts";
import { numbersOf, ServerGone, ServerSocket } from "./server_socket.ts";

/** LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PLUGIN_AUTH. */
const CAPABILITIES = 0x1 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000;
const CONNECT_WITH_DB = 0x8;
const MAX_PACKET_BYTES = 0xffffff;
const UTF8MB4_GENERAL_CI = 45;

const [COM_QUIT, COM_QUERY] = [0x01, 0x03];

/** The first byte of an answer. */
const [OK, END, FAILED] = [0x00, 0xfe, 0xff];
const MORE_RESULTS = 0x8;
const NULL_FIELD = 0xfb;

/** What is left after the last statement is a comment. */
const EMPTY_QUERY = 1065;

/** Runs statements as `root`, who needs no password, one by one until one fails; returns all rows as text. */
export async function queryMariaDb(socketPath: string, sql: string, database: string): Promise<string[][]> {
  using socket = await ServerSocket.open(socketPath);
  const greeting = await readPacket(socket);
  if (greeting[0] === FAILED) throw new ServerGone(errorOf(greeting).text);
  await writePacket(socket, login(database), 1);
  let answer = await readPacket(socket);
  if (answer[0] === END) { // Another way to give a password, which is none.
    await writePacket(socket, new Uint8Array(0), 3);
    answer = await readPacket(socket);
  }
  if (answer[0] === FAILED) throw new Error(errorOf(answer).text);
  await writePacket(socket, concatBytes([new Uint8Array([COM_QUERY!]), new TextEncoder().encode(sql)]), 0);
  const rows = await readResults(socket);
  await writePacket(socket, new Uint8Array([COM_QUIT!]), 0).catch(() => {});
  await socket.end();
  return rows;
}

function login(database: string): Uint8Array {
  const head = new Uint8Array(32);
  numbersOf(head).setUint32(0, CAPABILITIES | (database ? CONNECT_WITH_DB : 0), true);
  numbersOf(head).setUint32(4, MAX_PACKET_BYTES, true);
  head[8] = UTF8MB4_GENERAL_CI;
  const names = `root\0\0${database ? `${database}\0` : ""}mysql_native_password\0`;
  return concatBytes([head, new TextEncoder().encode(names)]);
}

async function readResults(socket: ServerSocket): Promise<string[][]> {
  const rows: string[][] = [];
  while (true) {
    const first = await readPacket(socket);
    if (first[0] === FAILED) {
      const { code, text } = errorOf(first);
      if (code === EMPTY_QUERY) return rows;
      throw new Error(text);
    }
    const status = first[0] === OK ? statusOf(first) : await readTable(socket, rows);
    if ((status & MORE_RESULTS) === 0) return rows;
  }
}

/** Reads the descriptions of columns, and then rows; returns the status at their end. */
async function readTable(socket: ServerSocket, rows: string[][]): Promise<number> {
  let ends = 0;
  while (true) {
    const packet = await readPacket(socket);
    if (packet[0] === FAILED) throw new Error(errorOf(packet).text);
    if (packet[0] === END && packet.length < 9) {
      if (++ends === 2) return numbersOf(packet).getUint16(3, true);
    } else if (ends === 1) rows.push(rowOf(packet));
  }
}

function rowOf(packet: Uint8Array): string[] {
  const fields: string[] = [];
  for (let at = 0; at < packet.length;) {
    if (packet[at] === NULL_FIELD) {
      fields.push("NULL");
      at++;
      continue;
    }
    const { value: length, next } = numberAt(packet, at);
    at = next + length;
    fields.push(escape(new TextDecoder().decode(packet.subarray(next, at))));
  }
  return fields;
}

/** As `mariadb --batch` writes a value. */
const ESCAPES: Record<string, string> = { "\0": "\\0", "\t": "\\t", "\n": "\\n", "\\": "\\\\" };
const escape = (value: string) => value.replace(/[\0\t\n\\]/g, (character) => ESCAPES[character]!);

/** After how many rows are changed, and the number that a column counts. */
function statusOf(packet: Uint8Array): number {
  const at = numberAt(packet, numberAt(packet, 1).next).next;
  return numbersOf(packet).getUint16(at, true);
}

/** A number that says by its first byte how long it is. */
function numberAt(packet: Uint8Array, at: number): { value: number; next: number } {
  const length = { 0xfc: 2, 0xfd: 3, 0xfe: 8 }[packet[at]!];
  if (length === undefined) return { value: packet[at]!, next: at + 1 };
  const digits = packet.subarray(at + 1, at + 1 + length);
  return { value: digits.reduceRight((value, digit) => value * 256 + digit, 0), next: at + 1 + length };
}

function errorOf(packet: Uint8Array): { code: number; text: string } {
  const code = numbersOf(packet).getUint16(1, true);
  return { code, text: `ERROR ${code}: ${new TextDecoder().decode(packet.subarray(3))}` };
}

async function readPacket(socket: ServerSocket): Promise<Uint8Array> {
  const header = await socket.read(4);
  const length = numbersOf(header).getUint32(0, true) & MAX_PACKET_BYTES;
  if (length === MAX_PACKET_BYTES) throw new Error("an answer of more than one packet");
  return await socket.read(length);
}

async function writePacket(socket: ServerSocket, payload: Uint8Array, sequence: number): Promise<void> {
  if (payload.length >= MAX_PACKET_BYTES) throw new Error("statements of more than one packet");
  const header = new Uint8Array(4);
  numbersOf(header).setUint32(0, payload.length, true);
  header[3] = sequence;
  await socket.write(concatBytes([header, payload]));
}
