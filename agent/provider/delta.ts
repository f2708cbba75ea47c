import { type ChangeMark, isBehind, startOf } from "../core/change-mark.ts";
import { restrictMapping } from "../core/compiled-mapping.ts";
import { AgentError } from "../core/error.ts";
import type { Answer, AnswerElement, ListEnd } from "../core/exchange.ts";
import { fingerprintOf } from "../core/fingerprint.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { MappedEntry } from "../core/map-entry.ts";
import { ScimError } from "../core/scim/error.ts";
import { readTexts } from "../core/scim/list.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { decodeToken, encodeToken } from "./delta-token.ts";
import { beginScope } from "./pending-scope.ts";
import { type PlannedRead, planUnfiltered, type Wanted } from "./plan-read.ts";
import { readChangeMark } from "./read-change-mark.ts";
import { type ReadOptions, type ResourceQuery, readResources } from "./read-resources.ts";
import { References } from "./references.ts";
import type { ServedDirectory } from "./served-directory.ts";

const DELTA_RESPONSE_MESSAGE = "urn:ietf:params:scim:api:messages:2.0:delta:response";

const RESOURCE_TYPES: readonly ResourceTypeName[] = ["User", "Group"];

interface DeltaOptions extends ReadOptions {
  /** Of the agent, for the token. */
  readonly configuration: string;
  readonly plans: readonly PlannedRead[];
  /** What a token was given with; undefined reads everything. */
  readonly since: ChangeMark | undefined;
}

/** Changed entries that are told from the rest of the listing; what is beyond is listed twice, which means the same. */
const MAX_REMEMBERED = 200_000;

/**
 * Everything in scope as changes, users before groups (shape of draft-sehgal-scim-delta-query): with their data all of
 * it, or since a mark what has changed, followed by the ids of all that is in scope. An id that is not listed has left the
 * scope or the directory, however that came about: a group, a unit or an entry above it may have changed and not itself.
 * An entry that cannot be mapped is `present` with its problem: it is in scope, so its absence must not be concluded.
 * @throws AgentError as `resolveScope` and `readWhole`; the end, and with it the token, comes only after a whole read
 */
async function* listChanges(
  served: ServedDirectory,
  options: DeltaOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly AnswerElement[], ListEnd> {
  const { since, configuration, plans } = options;
  const { directory } = served;
  // Before the read: what changes meanwhile is read again the next time.
  const mark = await readChangeMark(directory, signal);
  if (since !== undefined) requireUpToDate(mark, { since, directory: directory.name });
  const scope = beginScope(served, signal);
  const common = { ...options, served, scope, references: new References(directory) };
  if (since === undefined) {
    for (const plan of plans) yield* listPlan({ ...common, plan, changeType: "create" }, signal);
  } else {
    const listed = new Set<string>();
    const ldapFilter = {
      kind: "greaterOrEqual",
      attribute: "entryCSN",
      value: startOf(since),
    } as const;
    for (const plan of plans) {
      const changed = { ...common, plan, changeType: "update", ldapFilter } as const;
      for await (const batch of listPlan(changed, signal)) {
        for (const { change } of batch) {
          if (listed.size < MAX_REMEMBERED) listed.add(change.changedResourceId);
        }
        yield batch;
      }
    }
    for (const plan of plans) {
      const bare = { ...plan.query, mapping: restrictMapping(plan.query.mapping, () => false) };
      const all = { ...common, plan: { ...plan, query: bare }, changeType: "present" } as const;
      for await (const batch of listPlan(all, signal)) {
        const rest = batch.filter(({ change }) => !listed.has(change.changedResourceId));
        if (rest.length > 0) yield rest;
      }
    }
  }
  const token = { version: 1, directory: directory.name, configuration, mark } as const;
  return { listing: "full", nextDeltaToken: encodeToken(token) };
}

/** @throws AgentError `directory.busy` for a server that lacks changes which were read before, from another one */
function requireUpToDate(
  mark: ChangeMark | undefined,
  { since, directory }: { readonly since: ChangeMark; readonly directory: string },
): void {
  if (mark !== undefined && !isBehind(mark, since)) return;
  throw new AgentError("directory.busy", `the server of directory ${directory} is behind`, {
    hint: "it lacks changes that were read before: a replica that has not caught up, or one that was restored; contextCSN of the servers tells",
  });
}

type ChangeElement = Extract<AnswerElement, { readonly kind: "change" }>;

interface PlanOptions extends ReadOptions, Pick<ResourceQuery, "served" | "scope" | "references"> {
  readonly plan: PlannedRead;
  readonly changeType: "create" | "update" | "present";
  readonly ldapFilter?: LdapFilter;
}

async function* listPlan(
  { plan, changeType, ldapFilter, ...common }: PlanOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly ChangeElement[], void> {
  const { project } = plan;
  const { resourceType } = plan.query.mapping;
  const query = { ...common, ...plan.query, ldapFilter };
  for await (const batch of readResources(query, signal)) {
    yield batch.map((mapped) => toChange(mapped, { resourceType, changeType, project }));
  }
}

function toChange(
  mapped: MappedEntry,
  {
    resourceType,
    changeType,
    project,
  }: Pick<PlannedRead, "project"> &
    Pick<PlanOptions, "changeType"> & { readonly resourceType: ResourceTypeName },
): ChangeElement {
  if (mapped.kind === "problem") {
    const { problem } = mapped;
    const change = { resourceType, changedResourceId: problem.id, problem };
    return { kind: "change", change: { ...change, changeType: "present" } };
  }
  const change = { resourceType, changeType, changedResourceId: mapped.resource.id };
  if (changeType === "present") return { kind: "change", change };
  return { kind: "change", change, resource: project(mapped.resource) };
}

/**
 * `POST /.delta`. Names in the body come in any letter case, null counts as absent, as in every SCIM message
 * (RFC 7643 sections 2.1 and 2.5).
 * @throws ScimError 400 for a body that cannot be read, 410 for a token that cannot be continued: whoever holds it reads
 *   everything again and keeps its links
 */
export function answerDelta(
  served: ServedDirectory,
  { body, ...options }: ReadOptions & { readonly body: unknown; readonly configuration: string },
  signal: AbortSignal,
): Answer {
  if (body !== undefined && !isObject(body)) {
    throw new ScimError(400, "the body is not a JSON object", { scimType: "invalidSyntax" });
  }
  const wanted = wantedOf(body ?? {});
  const configuration = `${options.configuration} ${fingerprintOf(wanted)}`;
  const token = memberReader("deltaToken")(body ?? {}) ?? undefined;
  const since =
    token === undefined
      ? undefined
      : markIn(token, { directory: served.directory.name, configuration });
  const plans = RESOURCE_TYPES.map((type) => planUnfiltered(wanted, served.mappings[type]));
  const elements = listChanges(served, { ...options, configuration, plans, since }, signal);
  return { kind: "list", schema: DELTA_RESPONSE_MESSAGE, elements };
}

/** @throws ScimError 410 when changes since the token cannot be told */
function markIn(
  text: unknown,
  expected: { readonly directory: string; readonly configuration: string },
): ChangeMark {
  const token = decodeToken(text);
  if (token === undefined) throw gone("it is none of this agent's");
  if (token.directory !== expected.directory) throw gone("it is of another directory");
  if (token.configuration !== expected.configuration) {
    throw gone("scope, mapping or the attributes asked for have changed since");
  }
  if (token.mark === undefined) {
    throw gone("the directory does not say what has changed (OpenLDAP: the overlay syncprov does)");
  }
  return token.mark;
}

function gone(why: string): ScimError {
  return new ScimError(
    410,
    `the delta token cannot be continued, ${why}: send the request without deltaToken to read everything`,
  );
}

function wantedOf(body: Readonly<Record<string, unknown>>): Wanted {
  const attributes = readTexts(body, "attributes");
  const excludedAttributes = readTexts(body, "excludedAttributes");
  return {
    ...(attributes === undefined ? {} : { attributes }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
  };
}
