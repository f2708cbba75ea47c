import { AgentError } from "../core/error.ts";
import type { Answer } from "../core/exchange.ts";
import { fingerprintOf } from "../core/fingerprint.ts";
import { ScimError } from "../core/scim/error.ts";
import { readTexts } from "../core/scim/list.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import type { DirectoryMark } from "../ports.ts";
import { DeltaReader, type PinnedServed } from "./delta-reader.ts";
import { type DeltaToken, decodeToken } from "./delta-token.ts";
import { planUnfiltered, type Wanted } from "./plan-read.ts";
import type { ReadOptions } from "./read-resources.ts";
import type { ServedDirectory } from "./served-directory.ts";
import { RESOURCE_TYPE_NAMES } from "./served-directory.ts";

const DELTA_RESPONSE_MESSAGE = "urn:ietf:params:scim:api:messages:2.0:delta:response";

/**
 * `POST /.delta`. Names in the body come in any letter case, null counts as absent, as in every SCIM message
 * (RFC 7643 sections 2.1 and 2.5).
 * @throws ScimError 400 for a body that cannot be read, 410 for a token that cannot be continued: whoever holds it reads
 *   everything again and keeps its links; AgentError as `Directory.changes`
 */
export async function answerDelta(
  served: ServedDirectory,
  { body, ...options }: ReadOptions & { readonly body: unknown; readonly configuration: string },
  signal: AbortSignal,
): Promise<Answer> {
  if (body !== undefined && !isObject(body)) {
    throw new ScimError(400, "the body is not a JSON object", { scimType: "invalidSyntax" });
  }
  const wanted = wantedOf(body ?? {});
  const configuration = `${options.configuration} ${fingerprintOf(wanted)}`;
  const text = memberReader("deltaToken")(body ?? {}) ?? undefined;
  const token = text === undefined ? undefined : openToken(text, { served, configuration });
  const plans = RESOURCE_TYPE_NAMES.map((type) => planUnfiltered(wanted, served.mappings[type]));
  const pinned = await pinServed(served, token, signal);
  const reader = new DeltaReader(pinned, { ...options, configuration, plans });
  const elements =
    token === undefined ? reader.everything(signal) : await reader.since(token, signal);
  if ("expired" in elements) throw gone(elements.expired);
  return { kind: "list", schema: DELTA_RESPONSE_MESSAGE, elements };
}

/**
 * The directory on the server that the token came from.
 * @throws ScimError 410 when that one stays away and another one does not; AgentError `directory.unreachable` when all do
 */
async function pinServed(
  served: ServedDirectory,
  token: DeltaToken | undefined,
  signal: AbortSignal,
): Promise<PinnedServed> {
  if (token === undefined) return { ...served, directory: served.directory.pin() };
  const directory = served.directory.pin({ server: token.server });
  try {
    await directory.server(signal);
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== "directory.unreachable") throw error;
    const other = await served.directory
      .pin()
      .server(signal)
      .catch(() => token.server);
    if (other === token.server) throw error;
    throw gone("the server that it came from does not answer, and another one counts otherwise");
  }
  return { ...served, directory };
}

/** @throws ScimError 410 when changes since the token cannot be told */
function openToken(
  text: unknown,
  { served, configuration }: { readonly served: ServedDirectory; readonly configuration: string },
): DeltaToken & { readonly mark: DirectoryMark } {
  const token = decodeToken(text);
  if (token === undefined) throw gone("it is none of this agent's");
  if (token.directory !== served.directory.name) throw gone("it is of another directory");
  if (token.configuration !== configuration) {
    throw gone("scope, mapping or the attributes asked for have changed since");
  }
  const { mark } = token;
  if (mark === undefined) {
    throw gone("the directory does not say what has changed (OpenLDAP: the overlay syncprov does)");
  }
  return { ...token, mark };
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
