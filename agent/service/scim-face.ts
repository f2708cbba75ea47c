import { readFile } from "node:fs/promises";
import type { AgentConfig } from "../config/agent-config.ts";
import { AgentError } from "../core/error.ts";
import type { RequestHandler } from "../core/exchange.ts";
import type { Clock, Log } from "../ports.ts";
import type { FaceCapabilities } from "../provider/discovery.ts";
import type { AgentIdentity } from "../provider/health.ts";
import { ScimServer, type ServerCertificate } from "../web/scim-server.ts";

export interface ScimFaceOptions {
  readonly createHandler: (capabilities: FaceCapabilities) => RequestHandler;
  readonly agent: AgentIdentity;
  readonly stopTimeoutMs: number;
  readonly log: Log;
  readonly clock: Clock;
}

/** The HTTP face as it is configured, not started yet; undefined when it is off. */
export function createScimFace(
  { enabled, token, tls, advertiseCursors, ...scim }: AgentConfig["scim"],
  { createHandler, ...options }: ScimFaceOptions,
): ScimServer | undefined {
  if (!enabled || token === undefined) return undefined;
  const { defaultPageSize, maxPageSize, cursorTimeoutMs } = scim;
  const pagination = {
    cursor: true,
    index: true,
    defaultPaginationMethod: "index",
    defaultPageSize,
    maxPageSize,
    cursorTimeout: Math.floor(cursorTimeoutMs / 1000),
  } as const;
  return new ScimServer({
    ...scim,
    ...options,
    handler: createHandler({
      maxResults: maxPageSize,
      bearerToken: true,
      ...(advertiseCursors ? { pagination } : {}),
    }),
    readToken: () => token.read(),
    readCertificate: tls === undefined ? undefined : () => readCertificate(tls),
  });
}

/** @throws AgentError `config.invalid` */
async function readCertificate(
  tls: NonNullable<AgentConfig["scim"]["tls"]>,
): Promise<ServerCertificate> {
  try {
    const [cert, key] = await Promise.all([
      readFile(tls.certificate, "utf8"),
      readFile(tls.key, "utf8"),
    ]);
    return { cert, key };
  } catch (cause) {
    throw new AgentError("config.invalid", "scim.tls: a file cannot be read", {
      cause,
      hint: "check both paths and that the agent's account may read the files",
    });
  }
}
