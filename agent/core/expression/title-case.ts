const LETTER = /^\p{L}$/u;
/** What ends a word for .NET's TextInfo.ToTitleCase: all that is no letter, mark or number, except the apostrophe. */
const SEPARATOR = /^[^\p{L}\p{M}\p{N}']$/u;

/** @param separators characters that end a word; without them the rules of .NET's ToTitleCase */
export function toTitleCase(text: string, separators: string | undefined): string {
  const own = separators === undefined ? undefined : new Set(separators);
  let isWithinWord = false;
  let changed = "";
  for (const character of text.toLowerCase()) {
    const isSeparator = own === undefined ? SEPARATOR.test(character) : own.has(character);
    if (isSeparator) {
      isWithinWord = false;
      changed += character;
    } else if (isWithinWord || !LETTER.test(character)) {
      changed += character;
    } else {
      isWithinWord = true;
      changed += capital(character);
    }
  }
  return changed;
}

function capital(letter: string): string {
  const upper = letter.toUpperCase();
  return upper.length === letter.length ? upper : letter;
}
