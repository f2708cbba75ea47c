import { octetsOf } from "../directory-value/octets.ts";
import { parseSid, printSid } from "../directory-value/sid.ts";
import { parseDn } from "../dn.ts";
import { normalizeDiacritics } from "./diacritics.ts";
import {
  boundText,
  EvaluationError,
  type ExpressionFunction,
  optional,
  required,
} from "./evaluation.ts";
import { type ExpressionValue, isList, singleOf, textOf, wholeOf } from "./expression-value.ts";
import { toTitleCase } from "./title-case.ts";

const ENCODINGS = ["Unicode", "ASCII", "UTF8"] as const;
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;
const CULTURE = /^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/;

/** Each value of the source on its own; null stays null. */
export function mapTexts(
  source: ExpressionValue,
  change: (text: string) => string,
): ExpressionValue {
  if (source === null) return null;
  if (isList(source)) return source.map((one) => boundText(change(textOf(one))));
  return boundText(change(textOf(source)));
}

const source = required("source");

export const TEXT_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: "Append",
    parameters: [source, required("suffix", "text")],
    gives: "the source with the suffix behind it",
    example: 'Append([mailNickname], "@contoso.com")',
    evaluate: ([text = null, suffix = null]) => mapTexts(text ?? "", (one) => one + textOf(suffix)),
  },
  {
    name: "ConvertFromBase64",
    parameters: [source, { ...optional("encoding", "keyword"), keywords: ENCODINGS }],
    gives: "the text that base64 stands for, in UTF-16LE unless an encoding is given",
    example: 'ConvertFromBase64("SABlAGwAbABvAA==")',
    evaluate: ([text = null, encoding = "Unicode"]) =>
      mapTexts(text, (one) => decodeBase64(one, textOf(encoding))),
  },
  {
    name: "ConvertToBase64",
    parameters: [source],
    gives: "base64 of the text in UTF-16LE",
    example: 'ConvertToBase64("Hello world!")',
    evaluate: ([text = null]) =>
      mapTexts(text, (one) => Buffer.from(one, "utf16le").toString("base64")),
  },
  {
    name: "ConvertToUTF8Hex",
    parameters: [source],
    gives: "the bytes of the text in UTF-8 as upper-case hexadecimal digits",
    example: 'ConvertToUTF8Hex("Hello world!")',
    evaluate: ([text = null]) =>
      mapTexts(text, (one) => Buffer.from(one, "utf8").toString("hex").toUpperCase()),
  },
  {
    name: "CRef",
    parameters: [source],
    gives: "the text as a reference (a DN)",
    example: "CRef([manager])",
    evaluate: ([text = null]) => mapTexts(text, (one) => one),
  },
  {
    name: "CStr",
    parameters: [required("value")],
    gives: "the value as text",
    example: "CStr([employeeNumber])",
    evaluate: ([value = null]) => mapTexts(value, (one) => one),
  },
  {
    name: "DNComponent",
    parameters: [required("dn", "text"), required("index", "number")],
    gives: "the value of the RDN at an index that counts from 1 and from the left",
    example: "DNComponent(CRef([distinguishedName]), 1)",
    evaluate: ([dn = null, index = null]) => {
      if (textOf(dn) === "") return null;
      const rdns = parseDn(textOf(dn));
      if (rdns === undefined) throw new EvaluationError("DNComponent was given what is no DN");
      const [first] = rdns[(wholeOf(index) ?? 0) - 1] ?? [];
      return first === undefined ? null : first.value;
    },
  },
  {
    name: "InStr",
    parameters: [
      ...[source, required("find", "text"), optional("start", "number")],
      { ...optional("compare", "keyword"), keywords: ["vbBinaryCompare", "vbTextCompare"] },
    ],
    gives: "where the text is found, counted from 1; 0 when it is not",
    example: 'InStr("The quick brown fox", "quick")',
    evaluate: ([text = null, find = null, start = 1, compare = "vbBinaryCompare"]) => {
      const isExact = ["vbBinaryCompare", "0"].includes(textOf(compare));
      const fold = (one: string) => (isExact ? one : one.toLowerCase());
      const from = Math.max(1, wholeOf(start) ?? 1) - 1;
      const [whole, part] = [fold(textOf(text)), fold(textOf(find))];
      return from > whole.length ? 0 : whole.indexOf(part, from) + 1;
    },
  },
  {
    name: "Left",
    parameters: [source, required("length", "number")],
    gives: "the first characters; all of them for a negative number",
    example: "Left([displayName], 51)",
    evaluate: ([text = null, length = null]) => {
      const count = wholeOf(length);
      if (count === undefined) throw new EvaluationError("Left needs a number of characters");
      return mapTexts(text ?? "", (one) => (count < 0 ? one : one.slice(0, count)));
    },
  },
  {
    name: "Mid",
    parameters: [source, required("start", "number"), optional("length", "number")],
    gives: "characters from a place that counts from 1, as many as there are up to the length",
    example: "Mid([givenName], 1, 3)",
    evaluate: ([text = null, start = null, length]) => {
      const from = wholeOf(start);
      const count = length === undefined ? Number.MAX_SAFE_INTEGER : wholeOf(length);
      if (from === undefined || count === undefined) throw new EvaluationError("Mid needs numbers");
      const begin = Math.max(1, from) - 1;
      return mapTexts(text ?? "", (one) => one.slice(begin, begin + Math.max(0, count)));
    },
  },
  {
    name: "NormalizeDiacritics",
    parameters: [source],
    gives: "the text without accents, and with letters such as ø in letters of ASCII",
    example: 'NormalizeDiacritics("Zoë")',
    evaluate: ([text = null]) => mapTexts(text, normalizeDiacritics),
  },
  {
    name: "PCase",
    parameters: [source, optional("wordSeparators", "text")],
    gives: "the text in lower case with a capital at the beginning of each word",
    example: 'PCase("PABLO GONSALVES (SECOND)")',
    evaluate: ([text = null, separators]) =>
      mapTexts(text, (one) =>
        toTitleCase(one, separators === undefined ? undefined : textOf(separators)),
      ),
  },
  {
    name: "Redact",
    parameters: [required("value")],
    gives: "the value; the provisioning log shows [Redact] in its place",
    example: "Redact([employeeId])",
    evaluate: ([value = null], { redact }) => {
      redact();
      return value;
    },
  },
  {
    name: "StringFromSid",
    parameters: [required("sid", "binary")],
    gives: "a security identifier as text",
    example: "StringFromSid([objectSid])",
    evaluate: ([sid = null]) => {
      const single = singleOf(sid);
      if (single === null || single === "") return null;
      const bytes = single instanceof Uint8Array ? single : sidBytes(textOf(single));
      const text = bytes === undefined ? undefined : printSid(bytes);
      if (text === undefined) throw new EvaluationError("StringFromSid was given what is no SID");
      return text;
    },
  },
  {
    name: "StripSpaces",
    parameters: [source],
    gives: "the text without spaces",
    example: 'StripSpaces("a b c")',
    evaluate: ([text = null]) => mapTexts(text, (one) => one.replaceAll(" ", "")),
  },
  {
    name: "ToLower",
    parameters: [source, optional("culture", "text")],
    gives: "the text in lower case",
    example: "ToLower([mail])",
    evaluate: ([text = null, culture]) => {
      const locale = cultureOf(culture);
      return mapTexts(text, (one) => (locale ? one.toLocaleLowerCase(locale) : one.toLowerCase()));
    },
  },
  {
    name: "ToUpper",
    parameters: [source, optional("culture", "text")],
    gives: "the text in upper case",
    example: "ToUpper([country])",
    evaluate: ([text = null, culture]) => {
      const locale = cultureOf(culture);
      return mapTexts(text, (one) => (locale ? one.toLocaleUpperCase(locale) : upper(one)));
    },
  },
  {
    name: "Trim",
    parameters: [source],
    gives: "each value without white space at both ends",
    example: 'Trim(" Test ")',
    evaluate: ([text = null]) => mapTexts(text, (one) => one.trim()),
  },
  {
    name: "Word",
    parameters: [source, required("number", "number"), required("delimiters", "text")],
    gives: "a word, counted from 1; every character of the delimiters separates",
    example: 'Word("The quick brown fox", 3, " ")',
    evaluate: ([text = null, number = null, delimiters = null]) => {
      const separators = new Set(textOf(delimiters));
      const words = splitWords(textOf(text), separators);
      return words[(wholeOf(number) ?? 0) - 1] ?? "";
    },
  },
];

/** .NET changes one character into one: ß has no upper case. */
function upper(text: string): string {
  return text.replace(/\p{L}/gu, (letter) => {
    const changed = letter.toUpperCase();
    return changed.length === letter.length ? changed : letter;
  });
}

function splitWords(text: string, separators: ReadonlySet<string>): readonly string[] {
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (!separators.has(character)) {
      word += character;
    } else {
      if (word !== "") words.push(word);
      word = "";
    }
  }
  return word === "" ? words : [...words, word];
}

function cultureOf(culture: ExpressionValue | undefined): string | undefined {
  const name = textOf(culture ?? null);
  if (name === "") return undefined;
  if (!CULTURE.test(name)) throw new EvaluationError("a culture is a name such as en-US or tr-TR");
  try {
    return Intl.getCanonicalLocales(name)[0];
  } catch {
    throw new EvaluationError("a culture is a name such as en-US or tr-TR");
  }
}

function decodeBase64(text: string, encoding: string): string {
  if (!BASE64.test(text))
    throw new EvaluationError("ConvertFromBase64 was given what is no base64");
  const bytes = Buffer.from(text, "base64");
  switch (encoding.toLowerCase()) {
    case "utf8":
      return bytes.toString("utf8");
    case "ascii":
      return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : "?")).join("");
    default:
      return bytes.toString("utf16le");
  }
}

/** Text that already is a SID, or base64 of its bytes. */
function sidBytes(text: string): Uint8Array | undefined {
  return parseSid(text) ?? (BASE64.test(text) ? octetsOf(Buffer.from(text, "base64")) : undefined);
}
