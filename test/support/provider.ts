import { createHash } from "node:crypto";
import { loadMapping } from "../../agent/config/mapping-file.ts";
import { AnswerAssembly, digestOf } from "../../agent/core/answer-assembly.ts";
import { compileMapping } from "../../agent/core/compiled-mapping.ts";
import type { Answer, AnswerElement, ListEnd, ScimRequest } from "../../agent/core/exchange.ts";
import { PartCutter, type PartDocument } from "../../agent/core/part-document.ts";
import { replyElements } from "../../agent/core/reply-elements.ts";
import type { Scope } from "../../agent/core/scope.ts";
import type { Directory } from "../../agent/ports.ts";
import {
  createRequestHandler,
  type RequestHandlerOptions,
} from "../../agent/provider/request-handler.ts";
import type { ServedDirectory } from "../../agent/provider/served-directory.ts";
import { MemoryLog } from "./memory-log.ts";

async function shipped(name: string) {
  return compileMapping(await loadMapping({ kind: "shipped", name }));
}

const MAPPINGS = {
  openldap: await shipped("openldap"),
  "active-directory": await shipped("active-directory"),
};

const SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

export interface ScopeParts {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly groups?: Scope["groups"];
  readonly combine?: Scope["combine"];
  readonly clauses?: Scope["clauses"];
}

/** A directory with a shipped mapping and what the test says of the scope. */
export function serve(
  directory: Directory,
  parts: ScopeParts = {},
  mapping: keyof typeof MAPPINGS = "openldap",
): ServedDirectory {
  const { include = [], exclude = [], groups = [], combine = "all", clauses = [] } = parts;
  const scope = { organizationalUnits: { include, exclude }, groups, combine, clauses };
  return { directory, scope, mappings: MAPPINGS[mapping] };
}

/** The agent's handler over these directories, with a log that is thrown away unless it is given. */
export function answering(
  served: ServedDirectory | readonly ServedDirectory[],
  options: Partial<Pick<RequestHandlerOptions, "log" | "capabilities">> = {},
) {
  const handler = createRequestHandler({
    agent: { name: "agent-1", version: "1.0.0", configuration: "c1-x" },
    served: Array.isArray(served) ? served : [served as ServedDirectory],
    clock: { now: () => 65_000 },
    startedAt: 5_000,
    log: new MemoryLog(),
    logValues: false,
    ...options,
  });
  return (asked: ScimRequest, signal = new AbortController().signal) => handler(asked, signal);
}

/** An error answer's status and words. */
export function refusal(answer: Answer) {
  if (answer.kind === "list") throw new Error("a list");
  const { detail, scimType } = answer.body as { detail: string; scimType?: string };
  return { status: answer.status, detail, ...(scimType === undefined ? {} : { scimType }) };
}

/** A request as the bus would bring it. */
export function request(
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): ScimRequest {
  return {
    method,
    path,
    headers: new Map(Object.entries(options.headers ?? {})),
    body: options.body,
    requestId: "request-1",
    correlationId: "cycle-1",
  };
}

/** A search with its schema. */
export function search(path: string, body: Readonly<Record<string, unknown>> = {}): ScimRequest {
  return request("POST", `${path}/.search`, { body: { schemas: [SEARCH_REQUEST], ...body } });
}

export interface ReadList {
  readonly elements: readonly AnswerElement[];
  readonly end: ListEnd;
}

/** A list to its end. */
export async function readList(answer: Answer): Promise<ReadList> {
  if (answer.kind !== "list") throw new Error(`a document: ${JSON.stringify(answer)}`);
  const elements: AnswerElement[] = [];
  for (;;) {
    const next = await answer.elements.next();
    if (next.done === true) return { elements, end: next.value };
    elements.push(...next.value);
  }
}

/** The ids of a list's elements in their order, a problem's too. */
export function idsOf({ elements }: ReadList): readonly string[] {
  return elements.map((element) => {
    if (element.kind === "resource") return element.resource.id;
    return element.kind === "change" ? element.change.changedResourceId : element.problem.id;
  });
}

/**
 * A list as it crosses a queue: cut into parts, put together again from parts that come repeated and in the wrong
 * order.
 * @returns the elements as the requester sees them, and the size of each part in bytes
 */
export async function crossQueue(
  answer: Answer,
  { maxBytes }: { readonly maxBytes: number },
): Promise<{ readonly elements: readonly unknown[]; readonly parts: readonly number[] }> {
  if (answer.kind !== "list") throw new Error(`a document: ${JSON.stringify(answer)}`);
  const cutter = new PartCutter({ schema: answer.schema, maxBytes });
  const documents: PartDocument[] = [];
  for (;;) {
    const next = await answer.elements.next();
    if (next.done === true) {
      documents.push(...cutter.end(next.value));
      break;
    }
    for (const element of next.value) documents.push(...cutter.add(element));
  }
  const bodies = documents.map(({ json, items }) => ({
    sha256: createHash("sha256").update(json).digest(),
    items,
  }));
  const items = bodies.reduce((sum, body) => sum + body.items, 0);
  const end = { parts: bodies.length, items, digest: digestOf(bodies) };
  const assembly = new AnswerAssembly({ maxAnswers: 1 });
  const arriving = [...bodies.entries()].reverse().flatMap((part) => [part, part]);
  for (const [part, body] of arriving) {
    const last = part === bodies.length - 1;
    const header = { answer: "answer-1", part, status: 200, ...(last ? { end } : {}) };
    const { kind } = assembly.accept(header, body);
    if (kind === "broken") throw new Error("the answer contradicts itself");
  }
  if (assembly.winner === undefined) throw new Error("the answer did not become whole");
  async function* parsed() {
    for (const { json } of documents) yield JSON.parse(json) as Readonly<Record<string, unknown>>;
  }
  const elements: unknown[] = [];
  for await (const element of replyElements(parsed())) elements.push(element);
  return { elements, parts: documents.map(({ json }) => Buffer.byteLength(json)) };
}
