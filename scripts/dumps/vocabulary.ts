/** Text that looks to a compressor as if people had written it: made-up words whose frequencies follow Zipf's law. */
import { Random } from "./random.ts";
import { encode, type RowWriter } from "./row_writer.ts";

const WORDS = 60_000;
/** Words are drawn by 16 bits. Words rarer than 2^-16 share slots with their neighbours. */
const SLOTS = 65_536;
/** Below 1, the exponent of natural language: rows by many authors share fewer words than a single text does. */
const EXPONENT = 0.6;

const ONSETS = "b d d f g h k l l m n n p r r s s st t t tr v w".split(" ");
const VOWELS = "a a a e e e e i i o o u ä é ie ö ü".split(" ");
const CODAS = ["", "", "", "", "l", "n", "n", "n", "r", "r", "s", "st", "t"];
const SCRIPTS = "данные κόσμος 東京 データ 한국어 عربى ğüneş żółć ☃ 🚀".split(" ");

/** Words, and how often each is drawn. */
export class Vocabulary {
  /** The words one after the other. Word `w` extends from `starts[w]` to `starts[w + 1]`. */
  readonly #letters: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #slots = new Uint16Array(SLOTS);

  constructor(seed: number) {
    const random = new Random().seed(seed, 0x776f7264);
    const words = Array.from({ length: WORDS }, (_, rank) => encode(wordOfRank(random, rank)));
    this.#starts = new Uint32Array(WORDS + 1);
    words.forEach((word, i) => this.#starts[i + 1] = this.#starts[i]! + word.length);
    this.#letters = new Uint8Array(this.#starts[WORDS]!);
    words.forEach((word, i) => this.#letters.set(word, this.#starts[i]!));
    this.#fillSlots();
  }

  /** Writes one word, chosen by the low 16 bits. */
  word(out: RowWriter, bits: number): void {
    const word = this.#slots[bits & (SLOTS - 1)]!;
    out.slice(this.#letters, this.#starts[word]!, this.#starts[word + 1]!);
  }

  /** Writes a word with a capital first letter, if that letter is in ASCII. */
  capitalised(out: RowWriter, bits: number): void {
    const word = this.#slots[bits & (SLOTS - 1)]!;
    const start = this.#starts[word]!;
    const first = this.#letters[start]!;
    out.byte(first >= 97 && first <= 122 ? first - 32 : first);
    out.slice(this.#letters, start + 1, this.#starts[word + 1]!);
  }

  /** Writes sentences of `words` words in all, escaped for a quoted SQL string. */
  sentences(out: RowWriter, random: Random, words: number): void {
    let starts = true;
    for (let left = words; left > 0; left--) {
      const bits = random.bits();
      if (starts) this.capitalised(out, bits);
      else this.word(out, bits);
      starts = writePunctuation(out, bits >>> 16, left === 1);
    }
  }

  /** Gives each word a share of the slots that decreases with its rank. */
  #fillSlots(): void {
    const weights = Array.from({ length: WORDS }, (_, rank) => (rank + 2) ** -EXPONENT);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let word = 0;
    let reached = weights[0]!;
    for (let slot = 0; slot < SLOTS; slot++) {
      while (reached < ((slot + 0.5) / SLOTS) * total && word < WORDS - 1) reached += weights[++word]!;
      this.#slots[slot] = word;
    }
  }
}

const SENTENCE_END = [". ", ". ", ". ", "! ", "? ", ".\\n", ".\\n\\n", '\\" '].map(encode);
const COMMA = encode(", ");
const APOSTROPHE_S = encode("\\'s ");
const SPACE = 32;
const FULL_STOP = 46;

/** Writes the punctuation after a word, chosen by 16 bits. Returns whether a new sentence follows. */
function writePunctuation(out: RowWriter, bits: number, last: boolean): boolean {
  if (last) {
    out.byte(FULL_STOP);
  } else if (bits < 5_000) {
    out.raw(SENTENCE_END[bits & 7]!);
    return true;
  } else if (bits < 10_000) {
    out.raw(COMMA);
  } else if (bits < 10_400) {
    out.raw(APOSTROPHE_S);
  } else {
    out.byte(SPACE);
  }
  return false;
}

/** A word. Frequent words are short, and every 150th is in another script. */
function wordOfRank(random: Random, rank: number): string {
  if (rank % 150 === 149) return pick(random, SCRIPTS);
  const syllables = rank < 60 ? 1 : rank < 1500 ? 1 + random.below(2) : 2 + random.below(3);
  let word = "";
  for (let i = 0; i < syllables; i++) word += pick(random, ONSETS) + pick(random, VOWELS);
  return word + pick(random, CODAS);
}

function pick(random: Random, choices: readonly string[]): string {
  return choices[random.below(choices.length)]!;
}
