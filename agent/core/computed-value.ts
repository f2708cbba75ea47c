import { coerceValue } from "./coercion.ts";
import { isAccountActive } from "./directory-value/account-control.ts";
import { parseFileTime } from "./directory-value/file-time.ts";
import { printGuid } from "./directory-value/guid.ts";
import { mailAddresses } from "./directory-value/proxy-addresses.ts";
import { printSid } from "./directory-value/sid.ts";
import { type Entry, textsOf, type Value, valuesOf } from "./entry.ts";
import type { AttributeType } from "./scim/schema.ts";

/** What a computed flow makes of an entry: values, none, or why there cannot be any. */
export type ComputedValues = readonly (string | boolean)[] | { readonly reason: string };

/** A value that is made of attributes, where copying one would not do. */
export interface ComputedFunction {
  /** For a person. */
  readonly description: string;
  /** LDAP attributes that it reads; undefined for the one that the flow names. */
  readonly sources: readonly string[] | undefined;
  readonly type: AttributeType;
  /** The attribute with the time (FILETIME) at which the value changes though the entry does not. */
  readonly changesAt?: string;
  compute(
    entry: Entry,
    options: { readonly attribute: string; readonly now: number },
  ): ComputedValues;
}

const accountActive: ComputedFunction = {
  description:
    "true unless `userAccountControl` says that the account is disabled or `accountExpires` has passed",
  sources: ["userAccountControl", "accountExpires"],
  type: "boolean",
  changesAt: "accountExpires",
  compute(entry, { now }) {
    const [userAccountControl] = textsOf(entry, "userAccountControl");
    const [accountExpires] = textsOf(entry, "accountExpires");
    const active = isAccountActive({ userAccountControl, accountExpires }, now);
    return active === undefined ? { reason: "is made of what holds no number" } : [active];
  },
};

const primarySmtpAddress: ComputedFunction = {
  description: "the address behind `SMTP:` in `proxyAddresses`, else `mail`",
  sources: ["proxyAddresses", "mail"],
  type: "string",
  compute(entry) {
    const { primary } = mailAddresses(textsOf(entry, "proxyAddresses"));
    const [address] = primary === undefined ? textsOf(entry, "mail") : [primary];
    return address === undefined ? [] : [address];
  },
};

const otherSmtpAddresses: ComputedFunction = {
  description: "the addresses behind `smtp:` in `proxyAddresses`",
  sources: ["proxyAddresses"],
  type: "string",
  compute: (entry) => mailAddresses(textsOf(entry, "proxyAddresses")).others,
};

const fileTime: ComputedFunction = {
  description:
    "FILETIME (`pwdLastSet`, `lockoutTime`) as a time; nothing for both values that mean never",
  sources: undefined,
  type: "dateTime",
  compute: (entry, { attribute }) =>
    fromTexts(entry, attribute, (text) => {
      const time = parseFileTime(text);
      if (time === undefined) return undefined;
      return time.kind === "never" ? [] : [new Date(time.ms).toISOString()];
    }),
};

const generalizedTime: ComputedFunction = {
  description: "generalized time (`whenCreated`) as a time",
  sources: undefined,
  type: "dateTime",
  compute: (entry, { attribute }) =>
    fromTexts(entry, attribute, (text) => {
      const time = coerceValue(text, "dateTime");
      return time.ok ? [String(time.value)] : undefined;
    }),
};

const sid: ComputedFunction = {
  description: "a security identifier (`objectSid`) as text: `S-1-5-21-…`",
  sources: undefined,
  type: "string",
  compute: (entry, { attribute }) => fromBytes(entry, attribute, printSid),
};

const guid: ComputedFunction = {
  description: "16 bytes in Microsoft's order (`objectGUID`) as text",
  sources: undefined,
  type: "string",
  compute: (entry, { attribute }) => fromBytes(entry, attribute, printGuid),
};

const base64: ComputedFunction = {
  description: "bytes as base64",
  sources: undefined,
  type: "string",
  compute: (entry, { attribute }) =>
    valuesOf(entry, attribute).map((value) => Buffer.from(value).toString("base64")),
};

/** Upper case, as ISO 3166-1 writes country codes and RFC 7643 section 4.1.2 wants them. */
const countryCode: ComputedFunction = {
  description: "a country code of two letters (`c`) in capitals",
  sources: undefined,
  type: "string",
  compute: (entry, { attribute }) =>
    fromTexts(entry, attribute, (text) =>
      /^[a-z]{2}$/i.test(text) ? [text.toUpperCase()] : undefined,
    ),
};

/** By the name that a flow calls them. */
export const COMPUTED_FUNCTIONS = {
  accountActive,
  primarySmtpAddress,
  otherSmtpAddresses,
  fileTime,
  generalizedTime,
  sid,
  guid,
  base64,
  countryCode,
} as const satisfies Readonly<Record<string, ComputedFunction>>;

export type ComputedFunctionName = keyof typeof COMPUTED_FUNCTIONS;

function fromTexts(
  entry: Entry,
  attribute: string,
  convert: (text: string) => readonly string[] | undefined,
): ComputedValues {
  return collect(valuesOf(entry, attribute), (value) =>
    typeof value === "string" ? convert(value) : undefined,
  );
}

function fromBytes(
  entry: Entry,
  attribute: string,
  convert: (bytes: Uint8Array) => string | undefined,
): ComputedValues {
  return collect(valuesOf(entry, attribute), (value) => {
    const text = typeof value === "string" ? undefined : convert(value);
    return text === undefined ? undefined : [text];
  });
}

function collect(
  values: readonly Value[],
  convert: (value: Value) => readonly string[] | undefined,
): ComputedValues {
  const made: string[] = [];
  for (const value of values) {
    if (value.length === 0) continue;
    const converted = convert(value);
    if (converted === undefined) return { reason: "is made of a value of another form" };
    made.push(...converted);
  }
  return made;
}
