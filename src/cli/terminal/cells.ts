/**
 * How many cells of a terminal a character takes, as iTerm, Ghostty and kitty show it. Compiling the patterns takes
 * tens of milliseconds, so they are in functions, which only uncommon text calls.
 */
import { eastAsianWidth } from "get-east-asian-width";

/** The cells of a grapheme of printable text: one character with its marks, without control or format characters. */
export function cellsOf(grapheme: string): number {
  if (isTextEmoji(grapheme)) return 1;
  const emoji = emojiAtStart(grapheme);
  if (emoji !== undefined) return 2 + cellsOfEach(modifiersIn(grapheme.slice(emoji.length)));
  // All letters of a Korean syllable share the place of the first.
  if (isKorean(grapheme)) return cellsOfEach([grapheme[0]!, ...modifiersIn(grapheme)]);
  return cellsOfEach([...grapheme].filter(isVisible));
}

function cellsOfEach(characters: readonly string[]): number {
  return characters.reduce((cells, character) => cells + eastAsianWidth(character.codePointAt(0)!), 0);
}

/** A picture that is shown as one, at the beginning of a grapheme. */
function emojiAtStart(grapheme: string): string | undefined {
  return /^(?:\p{RGI_Emoji}|\p{Regional_Indicator}{1,2}|[\d#*]\u{FE0F})/v.exec(grapheme)?.[0];
}

/** Colours of skin that nothing before them takes on; each is shown on its own. */
function modifiersIn(text: string): readonly string[] {
  return text.match(/\p{Emoji_Modifier}/gu) ?? [];
}

/** Whether it is a picture that is to be shown as text (variation selector 15). Those beyond the BMP stay pictures. */
function isTextEmoji(grapheme: string): boolean {
  return grapheme[1] === "\ufe0e" && /^\p{Emoji_Presentation}/u.test(grapheme);
}

/** Whether it begins with a syllable, or with a letter that forms one with others. */
function isKorean(grapheme: string): boolean {
  return /^[\u1100-\u11ff\ua960-\ua97c\uac00-\ud7fb]/.test(grapheme);
}

function isVisible(character: string): boolean {
  return !/[\p{Default_Ignorable_Code_Point}\p{Nonspacing_Mark}\p{Enclosing_Mark}]/u.test(character);
}
