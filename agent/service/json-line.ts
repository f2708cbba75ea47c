/**
 * Beyond what JSON escapes: DEL and the control characters of C1, which terminals obey; U+2028 and U+2029, at which programs
 * that read lines may split; and the marks that turn the direction of text.
 */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** JSON that is one line for whatever reads it, and the same value when it is parsed. */
export function jsonLine(value: unknown): string | undefined {
  return JSON.stringify(value)?.replace(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
