import { expect, it } from "vitest";
import { loadMapping } from "../../agent/config/mapping-file.ts";
import { type CompiledMapping, compileMapping } from "../../agent/core/compiled-mapping.ts";
import type { Entry } from "../../agent/core/entry.ts";
import { mapEntry } from "../../agent/core/map-entry.ts";
import type { Flow, Mapping } from "../../agent/core/mapping.ts";
import { entry, uuid } from "../support/fake-directory.ts";

const ENTRIES = 100_000;
const ROUNDS = 5;
const NOW = Date.UTC(2026, 0, 15);

/** Entra's defaults for users: its own expressions where it has them, and the flags of the account. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  active:
    'IIF(BitAnd([userAccountControl], 2) = 2, "False", IIF(IsNullOrEmpty([accountExpires]), "True", IIF(DateFromNum([accountExpires]) > Now(), "True", "False")))',
  "name.givenName": "Trim([givenName])",
  "name.familyName": "Trim([sn])",
  displayName: 'IIF(IsPresent([displayName]), [displayName], Join(" ", [givenName], [sn]))',
  title: "IgnoreFlowIfNullOrEmpty(Left(Trim([title]), 128))",
  nickName: 'Replace([mail], , "@(?<domain>.*)$", , "", , )',
};

it("maps 100,000 people with and without expressions", async () => {
  const plain = await loadMapping({ kind: "shipped", name: "active-directory" });
  const people = Array.from({ length: ENTRIES }, (_, index) => person(index));
  const kinds = {
    plain: compileMapping(plain).User,
    expressions: compileMapping(withExpressions(plain)).User,
  };
  const count = kinds.expressions.flows.filter(({ expression }) => expression !== undefined).length;
  expect(count).toBe(Object.keys(EXPRESSIONS).length);
  const best = { plain: Number.POSITIVE_INFINITY, expressions: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const kind of ["plain", "expressions"] as const) {
      best[kind] = Math.min(best[kind], timeOf(kinds[kind], people));
    }
  }
  const perSecond = Math.round((ENTRIES * count) / ((best.expressions - best.plain) / 1000));
  process.stdout.write(
    `mapping of ${ENTRIES} people: ${Math.round(best.plain)} ms without expressions, ${Math.round(best.expressions)} ms with ${count}; about ${perSecond} expressions a second beyond what direct flows take\n`,
  );
});

function withExpressions({ User, Group }: Mapping): Mapping {
  const flows = User.flows.map((flow): Flow => {
    const expression = EXPRESSIONS[flow.target];
    return expression === undefined
      ? flow
      : { target: flow.target, kind: "expression", expression };
  });
  return { User: { ...User, flows }, Group };
}

function timeOf(mapping: CompiledMapping, people: readonly Entry[]): number {
  const began = performance.now();
  for (const one of people) {
    const mapped = mapEntry(one, { mapping, idOf: () => undefined, now: NOW });
    if (mapped.kind !== "resource") throw new Error(mapped.problem.reason);
  }
  return performance.now() - began;
}

function person(index: number): Entry {
  return entry(`CN=Person ${index},OU=People,DC=example,DC=com`, uuid(index), {
    userPrincipalName: `person${index}@example.com`,
    userAccountControl: index % 10 === 0 ? "514" : "512",
    accountExpires: "134500000000000000",
    displayName: `Person ${index}`,
    cn: `Person ${index}`,
    givenName: ` Per ${index}`,
    sn: "Son",
    mail: `person${index}@example.com`,
    title: "Engineer",
    department: "Research",
    telephoneNumber: "+1 555 0100",
  });
}
