import { EvaluationError, type ExpressionFunction, optional, required } from "./evaluation.ts";
import { textOf, wholeOf } from "./expression-value.ts";

/** The character classes of Active Directory's password complexity. */
const DIGITS = "0123456789";
const SPECIALS = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/";
const CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SMALLS = CAPITALS.toLowerCase();
const CLASSES = [DIGITS, SPECIALS, CAPITALS, SMALLS] as const;

const MAX_CHARACTERS = 256;
const GUID_BYTES = 16;

export const RANDOM_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    name: "Guid",
    parameters: [],
    gives: "a random GUID",
    example: "Guid()",
    changes: "random",
    evaluate: (_, { random }) => {
      const bytes = Buffer.from(Array.from({ length: GUID_BYTES }, () => random(256)));
      // RFC 9562 section 5.4: version and variant.
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    },
  },
  {
    name: "RandomString",
    parameters: [
      ...[required("length", "number"), required("minNumbers", "number")],
      ...[required("minSpecials", "number"), required("minCapitals", "number")],
      ...[required("minSmalls", "number"), optional("avoid", "text")],
    ],
    gives:
      "random characters, at least so many of each kind and of no other kinds than those asked for",
    example: "RandomString(6, 3, 0, 0, 3)",
    changes: "random",
    evaluate: ([size = null, ...rest], { random }) => {
      const length = wholeOf(size) ?? 0;
      const least = rest
        .slice(0, CLASSES.length)
        .map((one) => Math.max(0, wholeOf(one ?? null) ?? 0));
      const avoid = new Set(textOf(rest[CLASSES.length] ?? null));
      const total = least.reduce((sum, count) => sum + count, 0);
      if (length < 1 || length > MAX_CHARACTERS) {
        throw new EvaluationError(`RandomString gives 1 to ${MAX_CHARACTERS} characters`);
      }
      if (total > length) {
        throw new EvaluationError(`RandomString was asked for ${total} of ${length} characters`);
      }
      const pick = (from: readonly string[]): string => {
        if (from.length === 0)
          throw new EvaluationError("RandomString has no character left to take");
        return from[random(from.length)] ?? "";
      };
      const allowed = CLASSES.map((all) => [...all].filter((one) => !avoid.has(one)));
      const characters = least.flatMap((count, index) =>
        Array.from({ length: count }, () => pick(allowed[index] ?? [])),
      );
      const wanted = allowed.filter((_, index) => (least[index] ?? 0) > 0).flat();
      const others = total > 0 ? wanted : [0, 2, 3].flatMap((index) => allowed[index] ?? []);
      while (characters.length < length) characters.push(pick(others));
      return shuffle(characters, random).join("");
    },
  },
];

/** Fisher and Yates. */
function shuffle(all: string[], random: (bound: number) => number): readonly string[] {
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = random(last + 1);
    [all[last], all[other]] = [all[other] ?? "", all[last] ?? ""];
  }
  return all;
}
