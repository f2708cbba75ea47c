import { AgentError } from "../core/error.ts";
import type { AttributeNames } from "./attribute-names.ts";
import { readBase } from "./base-read.ts";
import type { LdapConnection } from "./connection.ts";
import type { OpenRange, RawEntry } from "./entry-decoding.ts";
import { errorOfResult, meaningOf, printResult } from "./result-code.ts";

/** Values of one attribute; the largest groups known have some hundred thousand. */
const MAX_VALUES = 10_000_000;

/** noSuchObject */
const NO_SUCH_OBJECT = 32;

/**
 * Reads the rest of the attributes that the server sent in pieces (MS-ADTS section 3.1.1.3.1.3.3), on the connection
 * that sent the first ones: another server may have the values in another order. The entry gets all values under
 * the plain name, or the read fails; an entry with a part of its values never leaves here.
 * @throws AgentError `directory.busy` (the attribute changed meanwhile), or as any read
 */
export async function completeRanges(
  connection: LdapConnection,
  entry: RawEntry,
  names: AttributeNames,
  signal: AbortSignal,
): Promise<void> {
  for (const range of entry.openRanges) {
    await completeRange(connection, entry, range, names, signal);
  }
}

async function completeRange(
  connection: LdapConnection,
  entry: RawEntry,
  { name, next: first }: OpenRange,
  names: AttributeNames,
  signal: AbortSignal,
): Promise<void> {
  const values = entry.attributes.get(name);
  if (values === undefined) throw new RangeError("a range is open that has no values");
  for (let from: number | undefined = first; from !== undefined; ) {
    if (from > MAX_VALUES) {
      throw new AgentError("directory.refused", `${name} has more than ${MAX_VALUES} values`);
    }
    const attributes = [`${name};range=${from}-*`];
    const answer = await readBase(connection, { dn: entry.dn, attributes, names, from }, signal);
    const { result } = answer;
    const what = `values of ${name} from ${from} on`;
    if (meaningOf(result.code).kind === "cut" || result.code === NO_SUCH_OBJECT) {
      throw new AgentError("directory.busy", `${what}: ${printResult(result)}`);
    }
    if (result.code !== 0) throw errorOfResult(what, result);
    const more = answer.entry?.attributes.get(name);
    if (more === undefined) {
      throw new AgentError("directory.busy", `${what}: the attribute changed while it was read`);
    }
    for (const value of more) values.push(value);
    from = answer.entry?.openRanges.find((open) => open.name === name)?.next;
  }
}
