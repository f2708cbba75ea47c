import { readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { PatchStyle } from "../../agent/core/scim/patch-style.ts";
import type { RecordedRequest } from "../support/scim-endpoint.ts";
import { openTarget, queryOf, TARGET_TOKEN } from "../support/scim-target.ts";
import { answerLife, LIFE } from "../support/target-life.ts";

// Written anew with: UPDATE_GOLDEN=1 npx vitest run --config test/vitest.config.ts test/contract/target-golden.test.ts
const UPDATES = process.env["UPDATE_GOLDEN"] === "1";

/** By the names that the configuration gives the styles. */
const STYLES: readonly (readonly [name: string, style: PatchStyle])[] = [
  ["entra", "entra"],
  ["entra-2020", "aadOptscim062020"],
  ["rfc7644", "rfc7644"],
];

/** What the connection needs, and what is there with a body alone. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "content-length",
  "content-type",
]);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g;

const signal = AbortSignal.timeout(60_000);

it("golden files are not written by a build", () => {
  expect(UPDATES && process.env["CI"] !== undefined).toBe(false);
});

it.each(STYLES)("a life in the style %s is sent as recorded", async (name, style) => {
  const { endpoint, target } = await openTarget(answerLife, { options: { style, memberBatch: 2 } });
  const sections: string[] = [];
  const headers = new Set<string>();
  for (const step of LIFE) {
    endpoint.requests.length = 0;
    await step.run(target, signal);
    const requests = endpoint.requests.map(printRequest);
    const content = requests.length === 0 ? ["(no request)"] : requests;
    sections.push([`# ${step.name}`, ...content].join("\n\n"));
    for (const request of endpoint.requests) headers.add(printHeaders(request));
  }
  // One text: the same for all of them.
  const text = `${[`# headers of every request`, ...headers].join("\n\n")}\n\n${sections.join("\n\n")}\n`;
  const file = new URL(`../golden/target/${name}.txt`, import.meta.url);
  if (UPDATES) await writeFile(file, text);
  expect(text).toBe(await readFile(file, "utf8"));
});

function printHeaders({ headers }: RecordedRequest): string {
  const lines = Object.entries(headers)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name}: ${value}`);
  return masked(lines.sort().join("\n"));
}

/** The request as it came, its query once more for people, and its body on several lines. */
function printRequest({ method, target, headers, text }: RecordedRequest): string {
  const query = Object.entries(queryOf(target)).map(([name, value]) => `    ${name} = ${value}`);
  const lines = [`${method} ${target}`, ...query];
  if (text !== "") {
    const body = JSON.stringify(JSON.parse(text), undefined, 2);
    lines.push(`content-type: ${headers["content-type"]}`, body);
  }
  return masked(lines.join("\n"));
}

function masked(text: string): string {
  return text.replaceAll(UUID, "<uuid>").replaceAll(TARGET_TOKEN, "<token>");
}
