import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompiledMapping } from "../../agent/core/compiled-mapping.ts";
import type { AnswerElement } from "../../agent/core/exchange.ts";
import { parseFilter } from "../../agent/core/scim/filter.ts";
import { compileFilter } from "../../agent/core/scim/filter-match.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import type { ResourceTypeName } from "../../agent/core/scope.ts";
import { createLdapDirectory } from "../../agent/directory/ldap-directory.ts";
import type { Directory } from "../../agent/ports.ts";
import { createRequestHandler } from "../../agent/provider/request-handler.ts";
import type { ServedDirectory } from "../../agent/provider/served-directory.ts";
import { MemoryLog } from "./memory-log.ts";
import { readList, type ScopeParts, search, serve } from "./provider.ts";
import { times } from "./run-length.ts";
import {
  checkLetters,
  checkTexts,
  checkTranslations,
  differences,
  filters,
  RUNS,
  SEED,
} from "./translated-search.ts";
import { WIDE } from "./wide-mapping.ts";

/** A server that holds the awkward people. */
export interface TranslationServer {
  readonly url: string;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  close(): Promise<void>;
}

/** Of parentheses in a SCIM filter. */
const MAX_DEPTH = 64;
const TIMEOUT_MS = times({ short: 120_000, long: 3_600_000 });

/** Runs the properties against one server. `hasTables`: it folds by tables of its own, not as JavaScript does. */
export function describeFilterTranslation(
  name: string,
  {
    start,
    hasTables,
  }: { readonly start: () => Promise<TranslationServer>; readonly hasTables: boolean },
): void {
  describe(`filters on ${name}`, () => {
    let server: TranslationServer;
    let directory: Directory;

    beforeAll(async () => {
      server = await start();
      const { url, baseDn, bindDn, bindPassword } = server;
      const bind = { dn: bindDn, password: async () => bindPassword };
      const connection = { name: "awkward", kind: "openLdap", urls: [url], baseDn, bind } as const;
      directory = createLdapDirectory(connection, { log: new MemoryLog() });
    });

    afterAll(async () => {
      await directory?.close();
      await server?.close();
    });

    it.each<[string, ResourceTypeName, ScopeParts & { readonly mapping?: CompiledMapping }]>([
      ["the shipped mapping", "User", {}],
      ["the shipped mapping", "Group", {}],
      ["a mapping with every shape of target", "User", { mapping: WIDE }],
      [
        "the shipped mapping in a scope",
        "User",
        { clauses: [{ resourceType: "User", attribute: "title", operator: "present" }] },
      ],
    ])(
      "finds by search what matches in memory: %s, %s",
      async (_, resourceType, { mapping, ...scope }) => {
        const plain = serve(directory, scope);
        const mappings = { ...plain.mappings, ...(mapping === undefined ? {} : { User: mapping }) };
        await checkSearches({ ...plain, mappings }, resourceType);
      },
      TIMEOUT_MS,
    );

    it(
      "asks the server for a superset, and says so when it is no more than that",
      async () => {
        await checkTranslations(directory);
      },
      TIMEOUT_MS,
    );

    it(
      "finds every awkward text by the whole of it, changed a little, and by any part of it",
      () => checkTexts(directory),
      TIMEOUT_MS,
    );

    if (hasTables) {
      it(
        "finds every letter that has two cases by both of them, at any place in a word",
        () => checkLetters(directory),
        TIMEOUT_MS,
      );
    }

    it("answers a filter as deep as a filter may be", async () => {
      let filter = "userName pr";
      for (let depth = 0; depth < MAX_DEPTH; depth++) {
        filter = `title pr ${depth % 2 === 0 ? "and" : "or"} (${filter})`;
      }
      const read = reader(serve(directory), "User");
      const [found, wanted] = await Promise.all([read({ filter }), read({ filter: "title pr" })]);
      expect(found.flatMap(resourcesIn)).toEqual(wanted.flatMap(resourcesIn));
    });
  });
}

const SIGNAL = new AbortController().signal;

type Read = (body: Readonly<Record<string, unknown>>) => Promise<readonly AnswerElement[]>;

/** Searches through the provider. */
function reader(served: ServedDirectory, resourceType: ResourceTypeName): Read {
  const handler = createRequestHandler({
    agent: { name: "agent-1", version: "1.0.0", configuration: "c1-x" },
    served: [served],
    clock: { now: () => 0 },
    startedAt: 0,
    log: new MemoryLog(),
    logValues: false,
  });
  return async (body) => {
    const answer = await handler(search(`/${resourceType}s`, body), SIGNAL);
    if (answer.kind === "document") throw new Error(JSON.stringify(answer.body));
    return (await readList(answer)).elements;
  };
}

interface Counts {
  matched: number;
  spared: number;
}

/** The provider's answers over LDAP, with the filter and with a random projection, against the match in memory. */
async function checkSearches(
  served: ServedDirectory,
  resourceType: ResourceTypeName,
): Promise<void> {
  const read = reader(served, resourceType);
  const everything = await read({});
  const resources = everything.flatMap(resourcesIn);
  const problems = new Set(everything.flatMap(problemsIn));
  const counts: Counts = { matched: 0, spared: 0 };
  const property = fc.asyncProperty(filters, projections, async (filter, projection) => {
    const matches = compileFilter(parseFilter(filter), resourceType);
    const wanted = resources.filter(matches).map(({ id }) => id);
    const found = await read({ filter, ...projection });
    const ids = found.flatMap(resourcesIn).map(({ id }) => id);
    expect(differences(ids, wanted)).toEqual({ missed: [], strange: [], repeated: 0 });
    // What cannot be mapped may be what was asked for: it is reported, and nothing else is.
    expect(differences(found.flatMap(problemsIn), [...problems]).strange).toEqual([]);
    counts.matched += wanted.length;
    if (found.flatMap(problemsIn).length < problems.size) counts.spared++;
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  // Of no worth when nothing ever matches.
  expect(counts.matched).toBeGreaterThan(RUNS);
}

const projections = fc.oneof(
  fc.constant({}),
  fc.record({
    attributes: fc.constantFrom(
      ["userName"],
      ["id"],
      ["emails.value", "name"],
      [ENTERPRISE_USER_SCHEMA],
    ),
  }),
  fc.record({
    excludedAttributes: fc.constantFrom(
      ["displayName"],
      ["emails", "members"],
      [ENTERPRISE_USER_SCHEMA],
    ),
  }),
);

function resourcesIn(element: AnswerElement): readonly ScimResource[] {
  return element.kind === "resource" ? [element.resource] : [];
}

function problemsIn(element: AnswerElement): readonly string[] {
  return element.kind === "problem" ? [element.problem.id] : [];
}
