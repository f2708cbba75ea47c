import { type AccountState, readAccountState } from "./directory-value/account-state.ts";
import { readCountry } from "./directory-value/country.ts";
import { parseFileTime } from "./directory-value/file-time.ts";
import { parseGeneralizedTime } from "./directory-value/generalized-time.ts";
import { parseUuid, printGuid, printUuid } from "./directory-value/guid.ts";
import { octetsOf, printBase64 } from "./directory-value/octets.ts";
import { printPhoto } from "./directory-value/photo.ts";
import { readProxyAddresses } from "./directory-value/proxy-addresses.ts";
import { parseSid, printSid } from "./directory-value/sid.ts";
import { type Entry, textsOf, type Value, valuesOf } from "./entry.ts";
import type { AttributeType } from "./scim/schema.ts";

/** What a function makes of an entry, no value at all included, or why it cannot say. Never names a value. */
export type Computed =
  | { readonly ok: true; readonly values: readonly (string | boolean)[] }
  | { readonly ok: false; readonly reason: string };

interface Computation {
  /** For a person, in config/README.md: what it gives. */
  readonly gives: string;
  readonly result: "string" | "boolean" | "dateTime" | "binary" | "reference";
  /** Whether the same entry gives another value later. */
  readonly dependsOnTime?: true;
}

interface EntryComputation extends Computation {
  /** The attributes that it looks at. */
  readonly sources: readonly string[];
  /** @param now milliseconds since 1970 */
  compute(entry: Entry, now: number): Computed;
}

interface AttributeComputation extends Computation {
  /** undefined for a value that says "none", null for one that cannot be read. */
  read(value: Value): string | undefined | null;
}

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const CONTROL = ["userAccountControl"] as const;
const ACCOUNT = [...CONTROL, "accountExpires"] as const;
const USABLE = [...ACCOUNT, "msDS-User-Account-Control-Computed", "lockoutTime"] as const;

/** Functions over fixed attributes of the entry. */
export const ENTRY_COMPUTATIONS = {
  accountEnabled: {
    gives: "whether the account is not disabled in Active Directory",
    result: "boolean",
    sources: CONTROL,
    compute: (entry, now) =>
      accountIs(entry, { sources: CONTROL, now }, (state) => !state.disabled),
  },
  accountActive: {
    gives: "whether the account is not disabled and has not expired",
    result: "boolean",
    sources: ACCOUNT,
    dependsOnTime: true,
    compute: (entry, now) =>
      accountIs(entry, { sources: ACCOUNT, now }, (state) => !(state.disabled || state.expired)),
  },
  accountUsable: {
    gives: "the same, and the account is not locked out after wrong passwords",
    result: "boolean",
    sources: USABLE,
    dependsOnTime: true,
    compute: (entry, now) =>
      accountIs(
        entry,
        { sources: USABLE, now },
        (state) => !(state.disabled || state.expired || state.lockedOut),
      ),
  },
  primarySmtpAddress: {
    gives: "the address of `proxyAddresses` with `SMTP:` in upper case",
    result: "string",
    sources: ["proxyAddresses"],
    compute: (entry) => {
      const { primary } = readProxyAddresses(textsOf(entry, "proxyAddresses"));
      return { ok: true, values: primary === undefined ? [] : [primary] };
    },
  },
  otherSmtpAddresses: {
    gives: "the addresses of `proxyAddresses` with `smtp:`, in alphabetical order",
    result: "string",
    sources: ["proxyAddresses"],
    compute: (entry) => {
      return { ok: true, values: readProxyAddresses(textsOf(entry, "proxyAddresses")).others };
    },
  },
  country: {
    gives: "two letters (ISO 3166), from `c` or else from the number in `countryCode`",
    result: "string",
    sources: ["c", "countryCode"],
    compute: (entry) => {
      const [c, countryCode] = ["c", "countryCode"].map((name) => textsOf(entry, name)[0]);
      const country = readCountry({ c, countryCode });
      return { ok: true, values: country === undefined ? [] : [country] };
    },
  },
} as const satisfies Readonly<Record<string, EntryComputation>>;

/** Functions over each value of one attribute, which the flow names. */
export const ATTRIBUTE_COMPUTATIONS = {
  guid: {
    gives: "a GUID as text, from the 16 bytes that Active Directory stores",
    result: "string",
    read: (value) => printGuid(octetsOf(value)) ?? uuidIn(value),
  },
  uuid: {
    gives: "a UUID as text, from 16 bytes in the order of the text",
    result: "string",
    read: (value) => printUuid(octetsOf(value)) ?? uuidIn(value),
  },
  sid: {
    gives: "a security identifier as text: `S-1-5-21-…`",
    result: "string",
    read: (value) => printSid(octetsOf(value)) ?? sidIn(value),
  },
  dateTime: {
    gives:
      "date and time, from a FILETIME (`pwdLastSet`) or a generalized time (`whenCreated`); nothing for a time that is never",
    result: "dateTime",
    read: readTime,
  },
  base64: { gives: "bytes as base64", result: "binary", read: printBase64 },
  photo: {
    gives: "a picture as a URL that holds it: `data:image/jpeg;base64,…`",
    result: "reference",
    read: (value) => printPhoto(octetsOf(value)) ?? null,
  },
} as const satisfies Readonly<Record<string, AttributeComputation>>;

export type EntryFunction = keyof typeof ENTRY_COMPUTATIONS;
export type AttributeFunction = keyof typeof ATTRIBUTE_COMPUTATIONS;

/** Which function, and of what. */
export type ComputedSource =
  | { readonly computed: EntryFunction }
  | { readonly computed: AttributeFunction; readonly attribute: string };

/** The attributes that are read for it. */
export function computedSources(source: ComputedSource): readonly string[] {
  return "attribute" in source ? [source.attribute] : ENTRY_COMPUTATIONS[source.computed].sources;
}

export function computationOf(source: ComputedSource): Computation {
  return "attribute" in source
    ? ATTRIBUTE_COMPUTATIONS[source.computed]
    : ENTRY_COMPUTATIONS[source.computed];
}

/** @param now milliseconds since 1970 */
export function computeValue(source: ComputedSource, entry: Entry, now: number): Computed {
  if (!("attribute" in source)) {
    const computation: EntryComputation = ENTRY_COMPUTATIONS[source.computed];
    return computation.compute(entry, now);
  }
  const { read }: AttributeComputation = ATTRIBUTE_COMPUTATIONS[source.computed];
  const values: string[] = [];
  for (const value of valuesOf(entry, source.attribute)) {
    if (value.length === 0) continue;
    const computed = read(value);
    if (computed === null) return { ok: false, reason: `cannot be read as ${source.computed}` };
    if (computed !== undefined) values.push(computed);
  }
  return { ok: true, values };
}

/** What the result may be written to besides its own type: text takes everything that is text. */
export function fitsResult(source: ComputedSource, type: AttributeType): boolean {
  const { result } = computationOf(source);
  return result === type || (type === "string" && result !== "boolean");
}

type State = Extract<AccountState, { readonly ok: true }>;

/** Of the attributes of an account only `sources` count, whatever else was read. */
function accountIs(
  entry: Entry,
  { sources, now }: { readonly sources: readonly string[]; readonly now: number },
  verdict: (state: State) => boolean,
): Computed {
  const text = (name: string) => (sources.includes(name) ? textsOf(entry, name)[0] : undefined);
  const account = {
    userAccountControl: text("userAccountControl"),
    accountExpires: text("accountExpires"),
    computedControl: text("msDS-User-Account-Control-Computed"),
    lockoutTime: text("lockoutTime"),
  };
  const state = readAccountState(account, now);
  return state.ok ? { ok: true, values: [verdict(state)] } : state;
}

/** RFC 7643 section 2.3.5 by way of xsd:dateTime; a year has four digits. */
function readTime(value: Value): string | undefined | null {
  if (typeof value !== "string") return null;
  const fileTime = parseFileTime(value);
  if (fileTime === "never") return undefined;
  const time = fileTime ?? parseGeneralizedTime(value);
  return time === undefined || time > LAST_MS ? null : new Date(time).toISOString();
}

function uuidIn(value: Value): string | null {
  return (typeof value === "string" ? parseUuid(value) : undefined) ?? null;
}

function sidIn(value: Value): string | null {
  const bytes = typeof value === "string" ? parseSid(value) : undefined;
  return (bytes && printSid(bytes)) ?? null;
}
