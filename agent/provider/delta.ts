import type { Answer, AnswerElement, ListEnd } from "../core/exchange.ts";
import type { MappedEntry } from "../core/map-entry.ts";
import { ScimError } from "../core/scim/error.ts";
import { readTexts } from "../core/scim/list.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { beginScope } from "./pending-scope.ts";
import { type PlannedRead, planUnfiltered, type Wanted } from "./plan-read.ts";
import { type ReadOptions, readResources } from "./read-resources.ts";
import { References } from "./references.ts";
import type { ServedDirectory } from "./served-directory.ts";

const DELTA_RESPONSE_MESSAGE = "urn:ietf:params:scim:api:messages:2.0:delta:response";

const RESOURCE_TYPES: readonly ResourceTypeName[] = ["User", "Group"];

/**
 * The token that a requester is given at the end of a whole listing. Opaque to it; the agent reads its version first.
 */
interface DeltaToken {
  readonly version: 1;
  /** How changes since the token would be found. `listing`: not at all, the next read is a full one. */
  readonly strategy: "listing";
  readonly directory: string;
  /** Fingerprint of the configuration that the listing was made with. */
  readonly configuration: string;
}

/**
 * Everything in scope as changes, users before groups (shape of draft-sehgal-scim-delta-query). An entry that cannot
 * be mapped is `present` with its problem: it is in scope, so its absence must not be concluded.
 * @throws AgentError as `resolveScope` and `readWhole`; the end, and with it the token, comes only after a whole read
 */
async function* listEverything(
  served: ServedDirectory,
  options: ReadOptions & {
    readonly configuration: string;
    readonly plans: readonly PlannedRead[];
  },
  signal: AbortSignal,
): AsyncGenerator<readonly AnswerElement[], ListEnd> {
  const { plans } = options;
  const scope = beginScope(served, signal);
  const references = new References(served.directory);
  for (const { query, project } of plans) {
    const { resourceType } = query.mapping;
    const { log, logValues } = options;
    const whole = { ...query, log, logValues, served, scope, references };
    for await (const batch of readResources(whole, signal)) {
      yield batch.map((mapped) => toChange(mapped, { resourceType, project }));
    }
  }
  const token: DeltaToken = {
    version: 1,
    strategy: "listing",
    directory: served.directory.name,
    configuration: options.configuration,
  };
  return { listing: "full", nextDeltaToken: encodeToken(token) };
}

function toChange(
  mapped: MappedEntry,
  {
    resourceType,
    project,
  }: Pick<PlannedRead, "project"> & { readonly resourceType: ResourceTypeName },
): AnswerElement {
  if (mapped.kind === "resource") {
    const change = {
      resourceType,
      changeType: "create",
      changedResourceId: mapped.resource.id,
    } as const;
    return { kind: "change", change, resource: project(mapped.resource) };
  }
  const { problem } = mapped;
  return {
    kind: "change",
    change: { resourceType, changeType: "present", changedResourceId: problem.id, problem },
  };
}

function encodeToken(token: DeltaToken): string {
  return Buffer.from(JSON.stringify(token), "utf8").toString("base64url");
}

/**
 * `POST /.delta`. Names in the body come in any letter case, null counts as absent, as in every SCIM message
 * (RFC 7643 sections 2.1 and 2.5).
 * @throws ScimError 400 for a body that cannot be read, 410 for a token: this agent keeps no changes, so that whoever
 *   holds one reads everything again and keeps its links
 */
export function answerDelta(
  served: ServedDirectory,
  { body, ...options }: ReadOptions & { readonly body: unknown; readonly configuration: string },
  signal: AbortSignal,
): Answer {
  if (body !== undefined && !isObject(body)) {
    throw new ScimError(400, "the body is not a JSON object", { scimType: "invalidSyntax" });
  }
  const token = memberReader("deltaToken")(body ?? {}) ?? undefined;
  if (token !== undefined) {
    throw new ScimError(
      410,
      "the delta token cannot be continued: send the request without deltaToken to read everything",
    );
  }
  const wanted = wantedOf(body ?? {});
  const plans = RESOURCE_TYPES.map((type) => planUnfiltered(wanted, served.mappings[type]));
  const elements = listEverything(served, { ...options, plans }, signal);
  return { kind: "list", schema: DELTA_RESPONSE_MESSAGE, elements };
}

function wantedOf(body: Readonly<Record<string, unknown>>): Wanted {
  const attributes = readTexts(body, "attributes");
  const excludedAttributes = readTexts(body, "excludedAttributes");
  return {
    ...(attributes === undefined ? {} : { attributes }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
  };
}
