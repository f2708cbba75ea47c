import { AgentError } from "../core/error.ts";
import type { Job } from "../core/provisioning/job.ts";
import type { StagedItem } from "../core/provisioning/staged-import.ts";
import { replyElements } from "../core/reply-elements.ts";
import { isObject } from "../core/scim/resource.ts";
import { GROUP_SCHEMA, SEARCH_REQUEST_MESSAGE } from "../core/scim/urn.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Requester } from "../ports.ts";
import { idFilterText } from "./source-object.ts";

/** Ids of one search. */
export const ASKED_AT_ONCE = 50;
const TIMEOUT_MS = 120_000;

/** An entry by the directory's id, and what it was when it was last seen. */
export interface Asked {
  readonly sourceId: string;
  readonly resourceType: ResourceTypeName;
}

/** What an agent says of entries that it was asked for. */
export interface Answers {
  readonly items: readonly StagedItem[];
  /** Fingerprint of the configuration of the agent that answered. */
  readonly configuration: string;
}

/**
 * Asks an agent for entries by their ids. What it does not know is out of its scope, which says nothing about whether it is
 * deleted.
 * @param asked at most `ASKED_AT_ONCE`
 * @throws AgentError as the requester's; `reply.unavailable` when the directory could not be read, `reply.refused` for a 4xx
 */
export async function askSource(
  { job, requester }: { readonly job: Job; readonly requester: Requester },
  { asked, correlationId }: { readonly asked: readonly Asked[]; readonly correlationId: string },
  signal: AbortSignal,
): Promise<Answers> {
  const filter = idFilterText(asked.map(({ sourceId }) => sourceId));
  const found = await searchSource({ job, requester }, { filter, correlationId }, signal);
  const known = new Set(found.items.map(({ sourceId }) => sourceId));
  const gone = asked
    .filter(({ sourceId }) => !known.has(sourceId))
    .map(
      ({ sourceId, resourceType }): StagedItem => ({
        sourceId,
        resourceType,
        changeType: "delete",
        reason: "outOfScope",
        data: undefined,
      }),
    );
  return { ...found, items: [...found.items, ...gone] };
}

/**
 * The objects in the agent's scope that a SCIM filter finds, of either type.
 * @throws AgentError as `askSource`
 */
export async function searchSource(
  { job, requester }: { readonly job: Job; readonly requester: Requester },
  { filter, correlationId }: { readonly filter: string; readonly correlationId: string },
  signal: AbortSignal,
): Promise<Answers> {
  const { directory } = job.source;
  const reply = await requester.request(
    {
      method: "POST",
      path: "/.search",
      headers: directory === undefined ? {} : { directory },
      body: { schemas: [SEARCH_REQUEST_MESSAGE], filter },
      stream: true,
      correlationId,
      timeoutMs: TIMEOUT_MS,
    },
    {},
    signal,
  );
  try {
    const problems: StagedItem[] = [];
    let detail = "it said no more";
    for await (const document of reply.documents()) {
      if (typeof document["detail"] === "string") detail = document["detail"];
      if (Array.isArray(document["problems"])) {
        problems.push(...document["problems"].flatMap((problem: unknown) => toProblem(problem)));
      }
    }
    if (reply.status !== 200) {
      const message = `the agent could not say which objects these are (${reply.status}): ${detail}`;
      throw new AgentError(reply.status >= 500 ? "reply.unavailable" : "reply.refused", message);
    }
    const items: StagedItem[] = [];
    for await (const element of replyElements(reply.documents())) {
      const item = toItem(element);
      if (item !== undefined) items.push(item);
    }
    return {
      items: [...items, ...problems],
      configuration: reply.headers.get("configuration") ?? "",
    };
  } finally {
    await reply.release();
  }
}

function toItem(element: unknown): StagedItem | undefined {
  if (!isObject(element)) return undefined;
  const { id, schemas } = element;
  if (typeof id !== "string" || !Array.isArray(schemas)) return undefined;
  const resourceType = schemas.includes(GROUP_SCHEMA) ? "Group" : "User";
  return { resourceType, changeType: "update", sourceId: id, reason: undefined, data: element };
}

function toProblem(problem: unknown): readonly StagedItem[] {
  if (!isObject(problem)) return [];
  const { id, resourceType } = problem;
  if (typeof id !== "string" || (resourceType !== "User" && resourceType !== "Group")) return [];
  const data = { problem };
  return [{ resourceType, changeType: "present", sourceId: id, reason: undefined, data }];
}
