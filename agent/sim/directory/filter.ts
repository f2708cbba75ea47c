import { BerError, type BerSource } from "./ber-source.ts";

/** Filter of RFC 4511 section 4.5.1.7, as it came: descriptions are text, assertion values are octets. */
export type Filter =
  | { readonly kind: "and"; readonly filters: readonly Filter[] }
  | { readonly kind: "or"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter }
  | { readonly kind: "present"; readonly attribute: string }
  | {
      readonly kind: "equality" | "greaterOrEqual" | "lessOrEqual" | "approx";
      readonly attribute: string;
      readonly value: Buffer;
    }
  | {
      readonly kind: "substrings";
      readonly attribute: string;
      readonly initial: Buffer | undefined;
      readonly any: readonly Buffer[];
      readonly final: Buffer | undefined;
    }
  | {
      readonly kind: "extensible";
      readonly matchingRule: string | undefined;
      readonly attribute: string | undefined;
      readonly value: Buffer;
      readonly dnAttributes: boolean;
    };

/** Nested deeper than this is refused: the decoder and the evaluator recurse. */
export const MAX_FILTER_DEPTH = 100;

const AND = 0xa0;
const OR = 0xa1;
const NOT = 0xa2;
const EQUALITY = 0xa3;
const SUBSTRINGS = 0xa4;
const GREATER_OR_EQUAL = 0xa5;
const LESS_OR_EQUAL = 0xa6;
const PRESENT = 0x87;
const APPROX = 0xa8;
const EXTENSIBLE = 0xa9;

/** @throws BerError for anything but one filter of RFC 4511, or one nested deeper than `MAX_FILTER_DEPTH` */
export function decodeFilter(source: BerSource, depth = 0): Filter {
  if (depth > MAX_FILTER_DEPTH) throw new BerError(`filter nested deeper than ${MAX_FILTER_DEPTH}`);
  const tag = source.tag;
  switch (tag) {
    case AND:
      return { kind: "and", filters: decodeFilters(source.inside(tag), depth) };
    case OR:
      return { kind: "or", filters: decodeFilters(source.inside(tag), depth) };
    case NOT: {
      const inside = source.inside(tag);
      const filter = decodeFilter(inside, depth + 1);
      if (!inside.done) throw new BerError("not-filter of several filters");
      return { kind: "not", filter };
    }
    case PRESENT:
      return { kind: "present", attribute: source.text(tag) };
    case EQUALITY:
      return { kind: "equality", ...decodeAssertion(source.inside(tag)) };
    case GREATER_OR_EQUAL:
      return { kind: "greaterOrEqual", ...decodeAssertion(source.inside(tag)) };
    case LESS_OR_EQUAL:
      return { kind: "lessOrEqual", ...decodeAssertion(source.inside(tag)) };
    case APPROX:
      return { kind: "approx", ...decodeAssertion(source.inside(tag)) };
    case SUBSTRINGS:
      return decodeSubstrings(source.inside(tag));
    case EXTENSIBLE:
      return decodeExtensible(source.inside(tag));
    default:
      throw new BerError(`no filter has tag 0x${(tag ?? 0).toString(16)}`);
  }
}

function decodeFilters(source: BerSource, depth: number): Filter[] {
  const filters: Filter[] = [];
  while (!source.done) filters.push(decodeFilter(source, depth + 1));
  return filters;
}

function decodeAssertion(source: BerSource): { attribute: string; value: Buffer } {
  return { attribute: source.text(), value: source.octets(0x04) };
}

function decodeSubstrings(source: BerSource): Filter {
  const attribute = source.text();
  const parts = source.inside(0x30);
  let initial: Buffer | undefined;
  let final: Buffer | undefined;
  const any: Buffer[] = [];
  if (parts.done) throw new BerError("substrings without a part");
  while (!parts.done) {
    if (final !== undefined) throw new BerError("substring after the final one");
    if (parts.tag === 0x80) {
      if (initial !== undefined || any.length > 0)
        throw new BerError("initial substring not first");
      initial = parts.octets(0x80);
    } else if (parts.tag === 0x82) {
      final = parts.octets(0x82);
    } else {
      any.push(parts.octets(0x81));
    }
  }
  return { kind: "substrings", attribute, initial, any, final };
}

function decodeExtensible(source: BerSource): Filter {
  const matchingRule = source.tag === 0x81 ? source.text(0x81) : undefined;
  const attribute = source.tag === 0x82 ? source.text(0x82) : undefined;
  const value = source.octets(0x83);
  const dnAttributes = source.tag === 0x84 ? source.boolean(0x84) : false;
  if (matchingRule === undefined && attribute === undefined) {
    throw new BerError("extensible match without rule and attribute");
  }
  return { kind: "extensible", matchingRule, attribute, value, dnAttributes };
}
