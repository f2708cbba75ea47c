import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../agent/core/scim/attribute-value.ts";
import { canonicalJson } from "../../agent/core/scim/canonical-json.ts";
import { applyPatch } from "../../agent/core/scim/patch.ts";
import { generatePatch } from "../../agent/core/scim/patch-generation.ts";
import { type PatchProfile, parsePatch } from "../../agent/core/scim/patch-operation.ts";
import type { PatchStyle } from "../../agent/core/scim/patch-style.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import { times } from "../support/run-length.ts";

const PAIRS: readonly (readonly [PatchStyle, PatchProfile])[] = [
  ["rfc7644", "rfc7644"],
  ["rfc7644", "entra"],
  ["entra", "entra"],
  ["aadOptscim062020", "entra"],
];

const text = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "True",
    'say "hi"',
    "back\\slash",
    "ü ] )",
    "0123",
    "null",
    "__proto__",
  ),
  fc.string({ minLength: 1, maxLength: 6 }),
);

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** Without what is undefined; undefined when nothing is left. */
function some(members: Record<string, unknown>): JsonObject | undefined {
  const assigned = Object.entries(members).filter(([, value]) => value !== undefined);
  return assigned.length === 0 ? undefined : Object.fromEntries(assigned);
}

function onePrimary(elements: readonly JsonObject[]): readonly JsonObject[] | undefined {
  const first = elements.findIndex(({ primary }) => primary === true);
  const one = elements.map((element, at) =>
    element["primary"] === true && at !== first ? { ...element, primary: false } : element,
  );
  return one.length === 0 ? undefined : one;
}

const types = optional(fc.constantFrom("work", "home", "null", 'od"d'));
const folded = ({ value, type }: JsonObject) => canonicalJson([value, type]).toLowerCase();

const plural = fc
  .uniqueArray(
    fc
      .record({
        value: text,
        display: optional(text),
        type: types,
        primary: optional(fc.boolean()),
      })
      .map((element) => some(element) ?? {}),
    { maxLength: 4, selector: folded },
  )
  .map(onePrimary);

/** As Entra knows them: one of each type. */
const typed = fc
  .uniqueArray(
    fc
      .record({
        type: fc.constantFrom("work", "home", "other"),
        formatted: optional(text),
        locality: text,
        primary: optional(fc.boolean()),
      })
      .map((element) => some(element) ?? {}),
    { maxLength: 3, selector: ({ type }) => type },
  )
  .map(onePrimary);

/** The address belongs to the value: where it is not said, the service provider's own one stays. */
const manager = optional(
  text.map((value) => (value.length > 1 ? { value, $ref: `../Users/${value}` } : { value })),
);

const user = fc
  .record({
    externalId: optional(text),
    userName: text,
    name: fc.record({ givenName: optional(text), familyName: optional(text) }).map(some),
    title: optional(text),
    active: optional(fc.boolean()),
    emails: plural,
    phoneNumbers: plural,
    addresses: typed,
    enterprise: fc
      .record({ department: optional(text), employeeNumber: optional(text), manager })
      .map(some),
  })
  .map(({ enterprise, ...core }): ScimResource => {
    const extension = enterprise === undefined ? {} : { [ENTERPRISE_USER_SCHEMA]: enterprise };
    return {
      schemas: [USER_SCHEMA, ...Object.keys(extension)],
      id: "1",
      ...some(core),
      ...extension,
      meta: { resourceType: "User" },
    };
  });

const group = fc
  .record({
    displayName: text,
    members: fc
      .uniqueArray(fc.oneof(fc.nat({ max: 30 }).map(String), text), { maxLength: 12 })
      .map((values) => (values.length === 0 ? undefined : values.map((value) => ({ value })))),
  })
  .map((body): ScimResource => ({ schemas: [GROUP_SCHEMA], id: "1", ...some(body) }));

/** With the elements of lists, `schemas` too, in an order of their own. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonicalJson).sort();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unordered(each)]));
}

describe.each(PAIRS)(
  "a PATCH generated in the style %s, applied in the profile %s",
  (style, profile) => {
    it.each([
      ["User", user],
      ["Group", group],
    ] as const)(
      "makes any %s of any other",
      (resourceType, resources) => {
        const limits = fc.record({
          maxValues: fc.integer({ min: 1, max: 5 }),
          maxOperations: fc.integer({ min: 1, max: 5 }),
        });
        fc.assert(
          fc.property(resources, resources, limits, (before, after, limit) => {
            const messages = generatePatch(before, after, { resourceType, style, ...limit });
            const result = messages.reduce((resource, message) => {
              const sent = parsePatch(JSON.parse(JSON.stringify(message)));
              expect(sent.length).toBeLessThanOrEqual(limit.maxOperations);
              return applyPatch(resource, sent, { resourceType, profile }).resource;
            }, before);
            expect(unordered(result)).toEqual(unordered(after));
            expect(generatePatch(result, after, { resourceType, style })).toEqual([]);
          }),
          { numRuns: times({ short: 400, long: 20_000 }) },
        );
      },
      120_000,
    );
  },
);
