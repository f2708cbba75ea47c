/** Letters that lose more than an accent on their way to ASCII. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ð: "d",
  þ: "th",
  ł: "l",
  ı: "i",
};

const GERMAN: Readonly<Record<string, string>> = { ä: "ae", ö: "oe", ü: "ue" };

/** Latin letters as they stand in a mail address: a-z and inner hyphens. */
export function transliterate(latin: string, language: string): string {
  const letters = language.startsWith("de") ? { ...LETTERS, ...GERMAN } : LETTERS;
  return latin
    .normalize("NFC")
    .toLowerCase()
    .replace(/[^a-z]/g, (letter) => letters[letter] ?? letter)
    .normalize("NFD")
    .replace(/[^a-z-]/g, "");
}
