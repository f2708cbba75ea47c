import { resolve } from "node:path";
import { z } from "zod";
import { dnKey, parseDn } from "../core/dn.ts";
import { DURATION_FORM, DURATION_PATTERN, parseDuration, printDuration } from "./duration.ts";
import { SECRET_FORM, SECRET_PATTERN, Secret, type SecretContext } from "./secret.ts";

/** Longest text that any option takes. */
const MAX_TEXT_LENGTH = 1024;

/** Longest DN; directories stop far earlier. */
const MAX_DN_LENGTH = 2048;

/** RFC 4512 section 1.4, `oid`: a name or numbers. */
export const ATTRIBUTE_PATTERN = /^(?:[A-Za-z][A-Za-z0-9-]{0,127}|\d+(?:\.\d+)+)$/;

type RawIssue = z.core.$ZodRawIssue;

/** For a schema's `error`: what is wrong with the value, and what was expected. */
export function expected(what: string): { error: (issue: RawIssue) => string } {
  return { error: (issue) => `${complaint(issue)}, expected ${what}` };
}

function complaint({ code, input }: RawIssue): string {
  if (input === undefined) return "is missing";
  if (input === null || input === "") return "is empty";
  const isNested = typeof input === "object";
  if (code === "invalid_type" || (code === "invalid_union" && isNested))
    return `is ${kindOf(input)}`;
  if (code === "too_small") return Array.isArray(input) ? "has too few" : "is too small";
  if (code === "too_big") {
    if (Array.isArray(input)) return "has too many";
    return typeof input === "string" ? "is too long" : "is too large";
  }
  return code === "invalid_value" ? "is not known" : "is malformed";
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return "a list";
  if (typeof input === "object") return "a section";
  return typeof input === "string" ? "text" : `a ${typeof input}`;
}

/**
 * A section: options by name and nothing else. A name that is not known is answered with the nearest one, or all.
 */
export function section<Shape extends z.core.$ZodShape>(shape: Shape) {
  const names = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => refuseName(key, names)).join("\n")
        : `${complaint(issue)}, expected a section with ${names.join(", ")}`,
  });
}

function refuseName(name: string, names: readonly string[]): string {
  const nearest = names.find((known) => isNear(name.toLowerCase(), known.toLowerCase()));
  return `is no option, expected ${nearest ?? `one of ${names.join(", ")}`}`;
}

/** Whether one letter more, less or other, or two in the wrong order, make the same word. */
function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  const restA = a.slice(start);
  const restB = b.slice(start);
  return (
    restA.slice(1) === restB.slice(1) ||
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    (restA.slice(2) === restB.slice(2) && restA[0] === restB[1] && restA[1] === restB[0])
  );
}

/** Runs a check of several options even when one of them is wrong by itself, so that one report tells everything. */
export const EVEN_WHEN_WRONG = {
  when: ({ value }: { value: unknown }) => typeof value === "object" && value !== null,
};

/** For a union's `error`: the option that tells its sections apart, and the values of that option. */
export function expectedKind(name: string, kinds: readonly string[]) {
  const list = kinds.join(", ");
  return {
    error: (issue: RawIssue) => {
      const isSection = typeof issue.input === "object" && issue.input !== null;
      if (issue.code !== "invalid_union" || !isSection) {
        return `${complaint(issue)}, expected a section with ${name}: one of ${list}`;
      }
      const problem = memberOf(issue.input, name) === undefined ? "is missing" : "is not known";
      return `${problem}, expected one of ${list}`;
    },
  };
}

interface TextOptions {
  /** What a message says was expected. */
  readonly form: string;
  readonly pattern?: RegExp;
  readonly maxLength?: number;
  /** What the option table calls it. */
  readonly title?: string;
}

export function text({ form, pattern, maxLength = MAX_TEXT_LENGTH, title = "text" }: TextOptions) {
  const schema = z.string(expected(form)).min(1).max(maxLength);
  return (pattern === undefined ? schema : schema.regex(pattern)).meta({ title });
}

export function bool() {
  return z.boolean(expected("true or false")).meta({ title: "true or false" });
}

export function whole(min: number, max: number) {
  return z
    .int(expected(`a whole number from ${min} to ${max}`))
    .min(min)
    .max(max)
    .meta({ title: `${min} to ${max}` });
}

export function choice<const Values extends readonly [string, ...string[]]>(values: Values) {
  const title = values.join(", ");
  return z.enum(values, expected(values.length === 1 ? title : `one of ${title}`)).meta({ title });
}

/** Limits in milliseconds, both allowed. @returns schema whose output is milliseconds */
export function duration(minMs: number, maxMs: number) {
  const range = `from ${printDuration(minMs)} to ${printDuration(maxMs)}`;
  return z
    .string(expected(`${DURATION_FORM}, ${range}`))
    .regex(DURATION_PATTERN)
    .transform((input, context) => {
      const ms = parseDuration(input);
      if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
      context.addIssue(`is ${input}, expected ${range}`);
      return z.NEVER;
    })
    .meta({ title: `duration, ${range}` });
}

export function dn() {
  return z
    .string(expected("a distinguished name such as ou=People,dc=example,dc=com"))
    .min(1)
    .max(MAX_DN_LENGTH)
    .refine((input) => input.trim() === "" || parseDn(input) !== undefined)
    .refine((input) => input === "" || input.trim() !== "")
    .meta({ title: "DN" });
}

/** DNs, each once in whatever spelling. */
export function dnList(maxLength: number) {
  return z
    .array(dn(), expected(`a list of at most ${maxLength} DNs`))
    .max(maxLength)
    .superRefine(
      (input, context) => refuseTwins(input, context, { keyOf: dnKey }),
      EVEN_WHEN_WRONG,
    );
}

export function attributeName() {
  return text({
    form: "the name of an LDAP attribute, without options",
    pattern: ATTRIBUTE_PATTERN,
    title: "attribute",
  });
}

/** A path to a file or folder, absolute in the output. */
export function path({ folder }: SecretContext) {
  return text({ form: "a path", title: "path" })
    .transform((input) => resolve(folder, input))
    .meta({ title: "path" });
}

export function secret(context: SecretContext) {
  return z
    .string({
      error: (issue) =>
        issue.input === undefined
          ? `is missing, expected ${SECRET_FORM}`
          : `is not a reference, expected ${SECRET_FORM}: secrets do not stand in this file`,
    })
    .regex(SECRET_PATTERN)
    .transform((input) => new Secret(input, context))
    .meta({ title: "secret reference" });
}

interface TwinOptions {
  readonly keyOf: (value: string) => string;
  /** Where the key stands within each element. */
  readonly at?: string;
}

/** Adds an issue for each text of a list that an earlier one is the same as. What is wrong itself is passed over. */
export function refuseTwins(
  input: unknown,
  context: z.core.$RefinementCtx<unknown>,
  { keyOf, at }: TwinOptions,
): void {
  if (!Array.isArray(input)) return;
  const seen = new Map<string, number>();
  input.forEach((element: unknown, index) => {
    const value = at === undefined ? element : memberOf(element, at);
    if (typeof value !== "string") return;
    const key = keyOf(value);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else {
      context.addIssue({
        code: "custom",
        path: at === undefined ? [index] : [index, at],
        message: `is the same as number ${first + 1} of the list, expected each once`,
      });
    }
  });
}

/** A member of what may be anything. */
export function memberOf(value: unknown, ...names: readonly string[]): unknown {
  let found = value;
  for (const name of names) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Object.getOwnPropertyDescriptor(found, name)?.value;
  }
  return found;
}

/** The texts of a list that may be anything, each with its place. */
export function textsIn(value: unknown): readonly { readonly at: number; readonly text: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((element: unknown, at) =>
    typeof element === "string" ? [{ at, text: element }] : [],
  );
}
