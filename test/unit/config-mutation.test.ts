import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { parseConfig } from "../../agent/config/agent-config.ts";
import { exampleConfig } from "../../agent/config/example.ts";
import { AgentError } from "../../agent/core/error.ts";

const EXAMPLE = exampleConfig();
const VALUE = "hunter2Tr0ub4dor";

/** What the configuration is answered with: nothing when it is accepted. */
async function answer(text: string): Promise<AgentError | undefined> {
  try {
    await parseConfig(text, { env: { HYBRID_AGENT_BUS: VALUE } });
    return undefined;
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

type Path = readonly (string | number)[];

/** Every place of a value, sections and lists included. */
function placesOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const below = Array.isArray(value)
    ? value.flatMap((element, at) => placesOf(element, [...path, at]))
    : Object.entries(value).flatMap(([key, member]) => placesOf(member, [...path, key]));
  return [path, ...below];
}

function replaced(value: unknown, [first, ...rest]: Path, replacement: unknown): unknown {
  if (first === undefined) return replacement;
  if (Array.isArray(value)) {
    return value.map((element, at) =>
      at === first ? replaced(element, rest, replacement) : element,
    );
  }
  const members = Object.entries(value ?? {});
  return Object.fromEntries(
    members.map(([key, member]) => [
      key,
      key === first ? replaced(member, rest, replacement) : member,
    ]),
  );
}

const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(undefined, "", " ", -1, 1e9, "ldap://", "${env:}", "=,=", [], {}, [[]], "\u0000"),
);

describe("a configuration that was changed at random", () => {
  it("is accepted or refused with config.invalid or mapping.invalid, never anything else", async () => {
    const seen = { accepted: 0, refused: 0 };
    const places = placesOf(parse(EXAMPLE));
    const edits = fc.array(fc.tuple(fc.constantFrom(...places), anyValue), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(edits, async (list) => {
        let value: unknown = parse(EXAMPLE);
        for (const [path, replacement] of list) value = replaced(value, path, replacement);
        const error = await answer(stringify(value) ?? "");
        if (error === undefined) seen.accepted++;
        else {
          seen.refused++;
          expect(["config.invalid", "mapping.invalid"]).toContain(error.code);
          expect(error.message).not.toMatch(/undefined|\[object|NaN|Invalid input/);
        }
      }),
      { numRuns: 250, seed: 7 },
    );
    expect(seen.accepted).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(100);
  });

  it("is so even when its text was cut and spliced", async () => {
    const splice = fc.record({
      at: fc.nat({ max: EXAMPLE.length }),
      remove: fc.nat({ max: 40 }),
      insert: fc.oneof(
        fc.string({ unit: "binary", maxLength: 10 }),
        fc.stringMatching(/^[[\]{}:,&*!|>'"%@`#?\- \t\n]{0,8}$/),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(splice, { minLength: 1, maxLength: 4 }), async (splices) => {
        let text = EXAMPLE;
        for (const { at, remove, insert } of splices) {
          text = text.slice(0, at) + insert + text.slice(at + remove);
        }
        const code = (await answer(text))?.code ?? "config.invalid";
        expect(["config.invalid", "mapping.invalid"]).toContain(code);
      }),
      { numRuns: 250, seed: 7 },
    );
  });

  it("never shows a secret that was written in place of its reference", async () => {
    const reference = "${file:/etc/hybrid-sync-agent/bind-password}";
    const around = fc.stringMatching(/^[[\]{}:,&*!|>'"%@`#?\-\\ \t\n]{0,4}$/);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(around, around, fc.boolean(), async (before, after, quoted) => {
        const literal = before + VALUE + after;
        const written = quoted ? JSON.stringify(literal) : literal;
        const error = await answer(EXAMPLE.replace(`"${reference}"`, () => written));
        if (error === undefined) return;
        refused++;
        expect(inspect(error, { depth: 9 })).not.toContain(VALUE);
      }),
      { numRuns: 300, seed: 7 },
    );
    expect(refused).toBeGreaterThan(200);
  });
});
