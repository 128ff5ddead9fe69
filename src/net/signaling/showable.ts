/** Text of strangers that is shown to people. */

// Control characters, zero-width and bidi marks, embeddings, overrides and isolates, byte order mark.
const UNSHOWABLE = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

/** Removes characters that could mislead the reader or break a layout. Returns at most `most` code points. */
export const showable = (text: string, most: number): string =>
  [...text.replace(UNSHOWABLE, '')].slice(0, most).join('').trim();
